//! The words of what the server makes alone, in both languages; they do not travel in the program.

use cjhirashi_domain::{
    document::DocumentStatus,
    settings::Language,
    sync::{BuildPhase, DocumentEventKind, IndexKind, IndexState},
};
use cjhirashi_sync::{IndexStats, JobKind};

use crate::{api::sync::SyncCommand, texts::Texts};

macro_rules! words {
    ($($name:ident: $es:literal, $en:literal;)+) => {
        /// The words of one language.
        pub(super) struct Words {
            language: Language,
            $(pub(super) $name: &'static str,)+
        }

        static ES: Words = Words { language: Language::Es, $($name: $es,)+ };
        static EN: Words = Words { language: Language::En, $($name: $en,)+ };
    };
}

words! {
    // The two databases
    index: "Índice vectorial", "Vector index";
    index_line: "Lo que responde a las búsquedas por significado. Se puede volver a crear entero desde PostgreSQL.",
        "What answers searches by meaning. All of it can be made again from PostgreSQL.";
    state: "Estado", "State";
    switch_to: "Cambiar a", "Switch to";
    build_index: "Crear y cambiar", "Build and switch";
    back_to_this: "Volver a este", "Back to this one";
    remove: "Eliminar", "Remove";
    remove_line: "Se borra todo lo que guarda y ya no se puede volver a él sin crearlo de nuevo.",
        "All it holds is erased, and going back to it means building it again.";
    remove_anyway: "Olvidar sin vaciarlo", "Forget without emptying it";
    remove_anyway_line: "Sus vectores y textos se quedan en su servicio hasta que los borres allí.",
        "Its vectors and texts stay at its service until you erase them there.";
    does_not_answer: "No responde", "Does not answer";
    stop: "Detener", "Stop";
    queue: "Cola", "Queue";
    nothing_waits: "No hay nada pendiente.", "Nothing is waiting.";
    work: "Tarea", "Job";
    waiting: "En espera", "Waiting";
    running: "En curso", "Running";
    given_up: "Abandonadas", "Given up";
    oldest: "La más antigua espera", "Oldest waits for";
    retry_failed: "Reintentar los documentos fallidos", "Retry failed documents";
    dead: "Tareas abandonadas", "Jobs given up";
    dead_line: "No se volverán a intentar solas. Corrige la causa y reinténtalas.",
        "They are not tried again by themselves. Mend the cause and try them again.";
    no_dead: "Ninguna tarea se ha abandonado.", "No job was given up.";
    actions: "Acciones", "Actions";
    why: "Motivo", "Reason";
    since: "Desde", "Since";
    replay: "Reintentar", "Try again";
    replay_all: "Reintentar todas", "Try all again";
    comparisons: "Comparaciones", "Comparisons";
    comparisons_line: "Cada noche se comparan PostgreSQL y el índice, y se corrige lo que difiere.",
        "Every night PostgreSQL and the index are compared, and what differs is repaired.";
    compare: "Comparar ahora", "Compare now";
    local_index: "El índice integrado se mantiene igual a PostgreSQL por sí mismo; no hay nada que comparar.",
        "The embedded index keeps itself equal to PostgreSQL; there is nothing to compare.";
    no_comparison: "Aún no se ha hecho ninguna.", "None was made yet.";
    when: "Cuándo", "When";
    database: "PostgreSQL", "PostgreSQL";
    in_index: "Índice", "Index";
    missing: "Faltaban", "Missing";
    orphans: "Sobraban", "Orphans";
    repaired: "Corregidos", "Repaired";
    result: "Resultado", "Result";
    equal: "Iguales", "Equal";
    differ: "Difieren", "They differ";
    not_compared: "No se pudo comparar", "Could not be compared";
    under_way: "En marcha", "Under way";
    ended_early: "No terminó", "Did not end";
    only_looked: "solo se miró", "only looked";
    // A document's history
    new_version: "Subir una versión nueva", "Upload a new version";
    new_version_line: "La actual responde hasta que la nueva esté completa.",
        "The present one answers until the new one is complete.";
    upload: "Subir", "Upload";
    share: "Compartir con todos", "Share with everybody";
    unshare: "Dejar de compartir", "Stop sharing";
    cancel: "Cancelar", "Cancel";
    discard: "Descartar la versión nueva", "Discard the new version";
    discard_line: "Su archivo y su texto se borran; la que responde se queda como está.",
        "Its file and text are erased; the one that answers stays as it is.";
    own_keys: "Claves propias (JSON)", "Own keys (JSON)";
    own_keys_line: "Van junto a los vectores, para filtrar en el índice.", "They go beside the vectors, to filter by in the index.";
    title: "Título", "Title";
    save: "Guardar", "Save";
    no_events: "Aún no hay nada.", "Nothing yet.";
    version: "Versión", "Version";
    event: "Qué pasó", "What happened";
}

impl Words {
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::Es => &ES,
            Language::En => &EN,
        }
    }

    const fn choose(&self, es: &'static str, en: &'static str) -> &'static str {
        match self.language {
            Language::Es => es,
            Language::En => en,
        }
    }

    pub(super) const fn kind(&self, kind: IndexKind) -> &'static str {
        match kind {
            IndexKind::Embedded => self.choose("Integrado", "Embedded"),
            IndexKind::Pinecone => "Pinecone",
            IndexKind::Qdrant => "Qdrant",
            IndexKind::Pgvector => "pgvector",
        }
    }

    pub(super) const fn index_state(&self, state: IndexState) -> &'static str {
        match state {
            IndexState::Active => self.choose("Responde", "Answers"),
            IndexState::Building => self.choose("Creándose", "Being built"),
            IndexState::Previous => self.choose("Anterior", "Previous"),
        }
    }

    pub(super) const fn phase(&self, phase: BuildPhase) -> &'static str {
        match phase {
            BuildPhase::Embedding => self.choose("Calculando vectores", "Embedding"),
            BuildPhase::Copying => self.choose("Copiando", "Copying"),
            BuildPhase::Comparing => self.choose("Comparando", "Comparing"),
        }
    }

    pub(super) const fn job(&self, kind: JobKind) -> &'static str {
        match kind {
            JobKind::IndexDocument => self.choose("Indexar un documento", "Index a document"),
            JobKind::DeleteDocument => self.choose("Eliminar un documento", "Delete a document"),
            JobKind::UpdateMetadata => self.choose("Actualizar metadatos", "Update metadata"),
            JobKind::RepairDocument => self.choose("Corregir un documento", "Repair a document"),
            JobKind::Reconcile => self.choose("Comparar", "Compare"),
            JobKind::Reindex => self.choose("Crear un índice", "Build an index"),
            JobKind::ExportVectors => self.choose("Exportar vectores", "Export vectors"),
            JobKind::Housekeeping => self.choose("Limpieza", "Housekeeping"),
        }
    }

    pub(super) const fn status(&self, status: DocumentStatus, count: i64) -> &'static str {
        match (status, count) {
            (DocumentStatus::Queued, _) => self.choose("en cola", "queued"),
            (DocumentStatus::Processing, _) => self.choose("procesándose", "being processed"),
            (DocumentStatus::Indexed, 1) => self.choose("listo", "ready"),
            (DocumentStatus::Indexed, _) => self.choose("listos", "ready"),
            (DocumentStatus::Failed, 1) => self.choose("fallido", "failed"),
            (DocumentStatus::Failed, _) => self.choose("fallidos", "failed"),
        }
    }

    /// What an index holds.
    pub(super) fn held(&self, texts: &Texts, held: &IndexStats) -> String {
        let vectors = i64::try_from(held.vectors).unwrap_or(i64::MAX);
        let words = match vectors {
            1 => "vector",
            _ => self.choose("vectores", "vectors"),
        };
        let memory = match i64::try_from(held.memory_bytes).unwrap_or(i64::MAX) {
            0 => String::new(),
            bytes => format!(" · {}", texts.bytes(bytes)),
        };
        format!("{} {words}{memory}", texts.number(vectors))
    }

    /// What was just commanded.
    pub(super) const fn done(&self, done: SyncCommand) -> &'static str {
        match done {
            SyncCommand::Compare => self.choose("La comparación ha empezado.", "The comparison has begun."),
            SyncCommand::Replay => self.choose("Se intentará otra vez.", "It will be tried again."),
            SyncCommand::Build => self.choose(
                "El índice se está creando; responderá cuando esté completo.",
                "The index is being built; it will answer when it is complete.",
            ),
            SyncCommand::Stop => self.choose("Ya no se crea.", "It is no longer being built."),
            SyncCommand::Remove => self.choose("El índice se eliminó.", "The index was removed."),
        }
    }

    pub(super) const fn to_adopt(&self) -> &'static str {
        self.choose("por incorporar", "to be adopted")
    }

    pub(super) const fn event(&self, event: DocumentEventKind) -> &'static str {
        match event {
            DocumentEventKind::Added => self.choose("Subida", "Uploaded"),
            DocumentEventKind::Started => self.choose("Empezó el proceso", "Processing began"),
            DocumentEventKind::Extracted => self.choose("Texto leído", "Text was read"),
            DocumentEventKind::Embedded => self.choose("Responde en las búsquedas", "Answers searches"),
            DocumentEventKind::Indexed => self.choose("Confirmada por el índice", "Acknowledged by the index"),
            DocumentEventKind::Waiting => self.choose("Falló; se volverá a intentar", "Failed; will be tried again"),
            DocumentEventKind::Failed => self.choose("Abandonada", "Given up"),
            DocumentEventKind::Retried => self.choose("Alguien pidió reintentar", "Somebody asked to try again"),
            DocumentEventKind::Cancelled => self.choose("Cancelada", "Cancelled"),
            DocumentEventKind::Discarded => self.choose("Descartada", "Discarded"),
            DocumentEventKind::Renamed => self.choose("Cambió su título", "Its title changed"),
            DocumentEventKind::Changed => self.choose("Cambiaron sus etiquetas o claves", "Its tags or keys changed"),
            DocumentEventKind::Shared => self.choose("Se compartió con todos", "Shared with everybody"),
            DocumentEventKind::Unshared => self.choose("Se dejó de compartir", "No longer shared"),
            DocumentEventKind::Repaired => self.choose("El índice se corrigió", "The index was repaired"),
            DocumentEventKind::Adopted => {
                self.choose("Incorporada del índice anterior", "Adopted from the former index")
            }
        }
    }

    /// How fast building goes, and how long it will take.
    pub(super) fn rate(&self, per_second: f64, seconds_left: f64) -> String {
        let (rate, left) = (per_second.round(), (seconds_left / 60.0).ceil());
        match self.language {
            Language::Es => format!("{rate} fragmentos por segundo, quedan unos {left} min"),
            Language::En => format!("{rate} passages a second, about {left} min left"),
        }
    }

    pub(super) fn attempts(&self, attempts: i32) -> String {
        match (self.language, attempts) {
            (Language::Es, 1) => "1 intento".to_owned(),
            (Language::Es, _) => format!("{attempts} intentos"),
            (Language::En, 1) => "1 attempt".to_owned(),
            (Language::En, _) => format!("{attempts} attempts"),
        }
    }

    pub(super) fn attempt(&self, attempt: i32) -> String {
        format!("{} {attempt}", self.choose("intento", "attempt"))
    }
}
