//! What is said of a number, a name or a state: each language says it its own way.

use cjhirashi_domain::{
    Timestamp,
    api_key::Scope,
    audit::Action,
    document::DocumentStatus,
    settings::Language,
    sync::{BuildPhase, DocumentEventKind, IndexKind, IndexState},
    user::Role,
};
use cjhirashi_storage::Delivery;
use cjhirashi_sync::{IndexStats, JobKind};

use crate::{
    api::{account::AccountDone, admin::PeopleDone, sync::SyncCommand},
    texts::Texts,
};

use super::Words;

impl Words {
    pub(in crate::served) const fn kind(&self, kind: IndexKind) -> &'static str {
        match kind {
            IndexKind::Embedded => self.choose("Integrado", "Embedded"),
            IndexKind::Pinecone => "Pinecone",
            IndexKind::Qdrant => "Qdrant",
            IndexKind::Pgvector => "pgvector",
        }
    }

    pub(in crate::served) const fn index_state(&self, state: IndexState) -> &'static str {
        match state {
            IndexState::Active => self.choose("Responde", "Answers"),
            IndexState::Building => self.choose("Creándose", "Being built"),
            IndexState::Previous => self.choose("Anterior", "Previous"),
        }
    }

    pub(in crate::served) const fn phase(&self, phase: BuildPhase) -> &'static str {
        match phase {
            BuildPhase::Embedding => self.choose("Calculando vectores", "Embedding"),
            BuildPhase::Copying => self.choose("Copiando", "Copying"),
            BuildPhase::Comparing => self.choose("Comparando", "Comparing"),
        }
    }

    pub(in crate::served) const fn job(&self, kind: JobKind) -> &'static str {
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

    pub(in crate::served) const fn status(&self, status: DocumentStatus, count: i64) -> &'static str {
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
    pub(in crate::served) fn held(&self, texts: &Texts, held: &IndexStats) -> String {
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

    /// What an import came to.
    pub(crate) fn imported(&self, texts: &Texts, [imported, known, damaged, empty]: [i64; 4]) -> String {
        let mut words = format!("{} {}.", self.choose("Chats traídos:", "Chats brought in:"), texts.number(imported));
        for (count, said) in [
            (known, self.choose("Ya estaban:", "Here before:")),
            (damaged, self.choose("No se han podido leer:", "Could not be read:")),
            (empty, self.choose("Vacíos:", "Empty:")),
        ] {
            if count > 0 {
                words.push_str(&format!(" {said} {}.", texts.number(count)));
            }
        }
        words
    }

    /// A filter of the search that could not be understood.
    pub(crate) fn misread(&self, filter: &str) -> String {
        let day = filter.split_once(':').is_some_and(|(name, _)| !matches!(name, "tag" | "etiqueta"));
        match (self.language, day) {
            (Language::Es, true) => format!("«{filter}»: el día se escribe así, 2026-01-31."),
            (Language::Es, false) => format!("«{filter}»: falta la etiqueta."),
            (Language::En, true) => format!("“{filter}”: a day is written like this, 2026-01-31."),
            (Language::En, false) => format!("“{filter}”: the tag is missing."),
        }
    }

    /// How many chats there are.
    pub(crate) fn count_chats(&self, texts: &Texts, count: i64) -> String {
        if count == 1 { "1 chat".to_owned() } else { format!("{} chats", texts.number(count)) }
    }

    /// What was done with chats; `None` where the page shows it by itself, or nothing was done.
    pub(crate) fn arranged(&self, texts: &Texts, what: &str, count: i64) -> Option<String> {
        let (one, more) = match what {
            "archive" => (
                self.choose("archivado. Está en «Archivo»", "archived. It is in “Archive”"),
                self.choose("archivados. Están en «Archivo»", "archived. They are in “Archive”"),
            ),
            "unarchive" => (
                self.choose("fuera del archivo. Está en «Todos»", "unarchived. It is in “All”"),
                self.choose("fuera del archivo. Están en «Todos»", "unarchived. They are in “All”"),
            ),
            "move" => (self.choose("movido", "moved"), self.choose("movidos", "moved")),
            "label" => (self.choose("etiquetado", "labelled"), self.choose("etiquetados", "labelled")),
            "delete" => (self.choose("eliminado", "deleted"), self.choose("eliminados", "deleted")),
            _ => return None,
        };
        (count > 0).then(|| format!("{} {}.", self.count_chats(texts, count), if count == 1 { one } else { more }))
    }

    pub(crate) fn count_artifacts(&self, texts: &Texts, count: i64) -> String {
        let one = count == 1;
        let word =
            self.choose(if one { "artefacto" } else { "artefactos" }, if one { "artifact" } else { "artifacts" });
        format!("{} {word}", texts.number(count))
    }

    /// Where a problem is.
    pub(in crate::served) fn line(&self, line: u32) -> String {
        format!("{} {line}: ", self.choose("Línea", "Line"))
    }

    /// The same, exactly.
    pub(in crate::served) fn line_and_column(&self, line: u32, column: u32) -> String {
        format!("{} {line}, {} {column}: ", self.choose("Línea", "Line"), self.choose("columna", "column"))
    }

    /// The name of a version.
    /// A version that is not the newest.
    pub(in crate::served) fn old_version(&self, version: i32, newest: i32) -> String {
        match self.language {
            Language::Es => format!("Estás viendo la versión {version}; la más nueva es la {newest}."),
            Language::En => format!("You are looking at version {version}; the newest is {newest}."),
        }
    }

    pub(in crate::served) fn version(&self, version: i32) -> String {
        format!("{} {version}", self.choose("Versión", "Version"))
    }

    /// What an older version came back as.
    pub(in crate::served) fn restored_from(&self, version: i32) -> String {
        format!("{} {version}", self.choose("Recuperada de la versión", "Brought back from version"))
    }

    /// The title of a copied chat.
    pub(crate) fn copy_of(&self, title: &str) -> String {
        format!("{} {title}", self.choose("Copia de", "Copy of"))
    }

    /// The button of a provider.
    pub(in crate::served) fn sign_in_with(&self, provider: &str) -> String {
        format!("{} {provider}", self.choose("Entrar con", "Sign in with"))
    }

    /// The link to a provider.
    pub(in crate::served) fn on_to(&self, provider: &str) -> String {
        format!("{} {provider}", self.choose("Continuar a", "Go on to"))
    }

    /// The button that makes one another way in.
    pub(in crate::served) fn link(&self, provider: &str) -> String {
        format!("{} {provider}", self.choose("Enlazar", "Link"))
    }

    pub(in crate::served) const fn scope(&self, scope: Scope) -> &'static str {
        match scope {
            Scope::Read => self.choose("Solo leer y preguntar", "Read and ask only"),
            Scope::Write => self.choose("Leer y escribir", "Read and write"),
            Scope::Admin => self.choose("Todo lo que puedes tú", "All that you can"),
        }
    }

    /// How long something is good for yet.
    pub(in crate::served) fn until(&self, texts: &Texts, now: Timestamp, at: Timestamp) -> String {
        let days = ((at.0 - now.0).max(0) + 86_399_999) / 86_400_000;
        match (self.language, days) {
            (Language::Es, ..=1) => "caduca en menos de un día".to_owned(),
            (Language::Es, days) => format!("caduca en {} días", texts.number(days)),
            (Language::En, ..=1) => "expires within a day".to_owned(),
            (Language::En, days) => format!("expires in {} days", texts.number(days)),
        }
    }

    pub(in crate::served) const fn account_done(&self, done: AccountDone) -> &'static str {
        match done {
            AccountDone::Linked => self.choose("La cuenta está enlazada.", "The account is linked."),
            AccountDone::Unlinked => self.choose("La cuenta ya no está enlazada.", "The account is no longer linked."),
            AccountDone::Refreshed => self.choose("Tu perfil está al día.", "Your profile is up to date."),
            AccountDone::SignedOut => self.choose("La sesión se cerró.", "It was signed out."),
            AccountDone::Revoked => self.choose("La clave ya no vale.", "The key is no longer good."),
        }
    }

    pub(in crate::served) const fn people_done(&self, done: PeopleDone) -> &'static str {
        match done {
            PeopleDone::Role => self.choose("El rol cambió.", "The role was changed."),
            PeopleDone::Disabled => self.choose("Ya no puede entrar.", "They cannot come in any more."),
            PeopleDone::Enabled => self.choose("Puede entrar otra vez.", "They can come in again."),
            PeopleDone::Invited => self.choose("La dirección está invitada.", "The address is invited."),
            PeopleDone::Mailed => self.choose(
                "La dirección está invitada, y el enlace se le envía por correo.",
                "The address is invited, and the link is sent to it by mail.",
            ),
            PeopleDone::Revoked => self.choose("La invitación se retiró.", "The invitation was taken back."),
        }
    }

    /// Where the mail of an invitation stands.
    pub(in crate::served) const fn delivery(&self, delivery: Delivery) -> &'static str {
        match delivery {
            Delivery::Waiting => self.choose("correo en camino", "mail on its way"),
            Delivery::Sent => self.choose("correo enviado", "mail sent"),
            Delivery::GivenUp => self.choose("el correo no se pudo enviar", "the mail could not be sent"),
        }
    }

    /// What the log keeps beside an action: names of roles, ways in and commands become words, the rest is as it is.
    pub(in crate::served) fn detail(&self, t: &'static Texts, detail: &str) -> String {
        let word = |word: &str| -> String {
            match (word, Role::parse(word)) {
                (_, Some(role)) => t.role_name(role).to_owned(),
                ("link", _) => self.choose("con un enlace de acceso", "by a sign-in link").to_owned(),
                ("oidc", _) => "OpenID Connect".to_owned(),
                ("google", _) => "Google".to_owned(),
                ("github", _) => "GitHub".to_owned(),
                ("read", _) => self.choose("solo leer", "reading only").to_owned(),
                ("write", _) => self.choose("leer y escribir", "reading and writing").to_owned(),
                ("model server removed", _) => {
                    self.choose("servidor de modelos, quitado", "model server, removed").to_owned()
                }
                (word, _) => match (word.strip_prefix("model server "), word.strip_prefix("set_price ")) {
                    (Some(url), _) => format!("{} {url}", self.choose("servidor de modelos", "model server")),
                    (_, Some(model)) => format!("{} {}", self.choose("precio de", "price of"), t.model_label(model)),
                    _ => word.to_owned(),
                },
            }
        };
        let between = |separator: &str, text: &str| text.split(separator).map(word).collect::<Vec<_>>().join(separator);
        if detail.contains(" → ") { between(" → ", detail) } else { between(" · ", detail) }
    }

    pub(in crate::served) const fn action(&self, action: Action) -> &'static str {
        match action {
            Action::SignedIn => self.choose("Inició sesión", "Signed in"),
            Action::SignInRefused => self.choose("No se le dejó entrar", "Was not let in"),
            Action::SignedOut => self.choose("Cerró sesión", "Signed out"),
            Action::AccountLinked => self.choose("Enlazó una cuenta", "Linked an account"),
            Action::AccountUnlinked => self.choose("Desenlazó una cuenta", "Unlinked an account"),
            Action::RoleChanged => self.choose("Cambió un rol", "Changed a role"),
            Action::PersonDisabled => self.choose("Desactivó a una persona", "Disabled a person"),
            Action::PersonEnabled => self.choose("Reactivó a una persona", "Enabled a person again"),
            Action::Invited => self.choose("Invitó a una dirección", "Invited an address"),
            Action::InvitationRevoked => self.choose("Retiró una invitación", "Took an invitation back"),
            Action::KeyCreated => self.choose("Creó una clave", "Made a key"),
            Action::KeyRevoked => self.choose("Revocó una clave", "Revoked a key"),
            Action::KeyUsed => self.choose("Usó una clave", "Used a key"),
            Action::DocumentDeleted => self.choose("Eliminó un documento", "Deleted a document"),
            Action::ChatDeleted => self.choose("Eliminó un chat", "Deleted a chat"),
            Action::MessageDeleted => self.choose("Eliminó un mensaje", "Deleted a message"),
            Action::DataExported => self.choose("Descargó todos sus datos", "Downloaded all their data"),
            Action::AccountDeleted => self.choose("Eliminó su cuenta", "Deleted their account"),
            Action::Administered => self.choose("Cambió el servidor", "Changed the server"),
        }
    }

    /// What was just commanded.
    pub(in crate::served) const fn done(&self, done: SyncCommand) -> &'static str {
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

    /// A number as somebody types it.
    pub(in crate::served) fn typed(&self, number: f64) -> String {
        match self.language {
            Language::Es => number.to_string().replace('.', ","),
            Language::En => number.to_string(),
        }
    }

    /// An amount of US dollars, with as many digits as it needs to say something.
    pub(in crate::served) fn money(&self, t: &Texts, dollars: f64) -> String {
        let digits = if dollars == 0.0 || dollars >= 1.0 {
            2
        } else if dollars >= 0.01 {
            3
        } else {
            5
        };
        let text = format!("{dollars:.digits$}");
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), |whole| t.number(whole));
        match self.language {
            Language::Es => format!("{whole},{rest} US$"),
            Language::En => format!("US${whole}.{rest}"),
        }
    }

    /// Messages that a model was not told.
    pub(in crate::served) fn left_out(&self, count: i32) -> String {
        match (self.language, count) {
            (Language::Es, 1) => "sin el mensaje más antiguo".to_owned(),
            (Language::Es, _) => format!("sin los {count} mensajes más antiguos"),
            (Language::En, 1) => "without the oldest message".to_owned(),
            (Language::En, _) => format!("without the {count} oldest messages"),
        }
    }

    pub(in crate::served) const fn to_adopt(&self) -> &'static str {
        self.choose("por incorporar", "to be adopted")
    }

    pub(in crate::served) const fn event(&self, event: DocumentEventKind) -> &'static str {
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
    pub(in crate::served) fn rate(&self, per_second: f64, seconds_left: f64) -> String {
        let (rate, left) = (per_second.round(), (seconds_left / 60.0).ceil());
        match self.language {
            Language::Es => format!("{rate} fragmentos por segundo, quedan unos {left} min"),
            Language::En => format!("{rate} passages a second, about {left} min left"),
        }
    }

    pub(in crate::served) fn attempts(&self, attempts: i32) -> String {
        match (self.language, attempts) {
            (Language::Es, 1) => "1 intento".to_owned(),
            (Language::Es, _) => format!("{attempts} intentos"),
            (Language::En, 1) => "1 attempt".to_owned(),
            (Language::En, _) => format!("{attempts} attempts"),
        }
    }

    pub(in crate::served) fn attempt(&self, attempt: i32) -> String {
        format!("{} {attempt}", self.choose("intento", "attempt"))
    }
}
