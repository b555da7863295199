//! Every word of the interface, in both languages, side by side.
//!
//! A missing translation does not compile. Words that depend on a number or a name are methods, so that each language
//! can say them its own way.

#[cfg(feature = "ssr")]
use cjhirashi_domain::{ErrorCode, chat::MessageStatus};
use cjhirashi_domain::{
    Timestamp,
    chat::Verdict,
    document::{Document, DocumentStatus, Stage},
    event::AnswerStage,
    order::DocumentState,
    settings::Language,
};

macro_rules! texts {
    ($($name:ident: $es:literal, $en:literal;)+) => {
        /// The words of one language.
        #[cfg_attr(not(feature = "ssr"), expect(dead_code, reason = "some words are only written by the server"))]
        pub(crate) struct Texts {
            pub(crate) language: Language,
            $(pub(crate) $name: &'static str,)+
        }

        static ES: Texts = Texts { language: Language::Es, $($name: $es,)+ };
        static EN: Texts = Texts { language: Language::En, $($name: $en,)+ };
    };
}

/// What an error code says in both languages, for [`Texts::said`]: looked up while it is compiled, so that the browser
/// loads the words of this code and not the table of all.
macro_rules! said {
    ($code:ident) => {{
        const WORDS: [&str; 2] = {
            use cjhirashi_domain::{ErrorCode, settings::Language};
            [ErrorCode::$code.message(Language::Es), ErrorCode::$code.message(Language::En)]
        };
        WORDS
    }};
}
pub(crate) use said;

texts! {
    temporary: "Temporal", "Temporary";
    search_messages: "Buscar en los mensajes", "Search in the messages";
    temporary_chat: "Chat temporal", "Temporary chat";
    keep_chat: "Chat normal", "Ordinary chat";
    temporary_line: "No aparece en ninguna lista ni búsqueda y se borra un día después de su último mensaje.",
        "It is in no list and no search, and is deleted a day after its last message.";
    name: "Nombre", "Name";
    pinned_chats: "Fijados", "Pinned";
    // Frame
    skip: "Ir al contenido", "Skip to content";
    menu: "Menú", "Menu";
    main_navigation: "Navegación principal", "Main navigation";
    new_chat: "Nuevo chat", "New chat";
    search: "Buscar", "Search";
    documents: "Documentos", "Documents";
    prompts: "Plantillas", "Prompts";
    artifacts: "Artefactos", "Artifacts";
    image: "Imagen", "Image";
    next_gap: "Siguiente hueco", "Next gap";
    settings: "Ajustes", "Settings";
    administration: "Administración", "Administration";
    sign_out: "Cerrar sesión", "Sign out";
    your_chats: "Tus chats", "Your chats";
    no_chats: "Tus chats aparecerán aquí.", "Your chats will appear here.";
    chats_failed: "No se ha podido cargar la lista.", "The list could not be loaded.";
    more_chats: "Ver más", "Show more";
    today: "Hoy", "Today";
    yesterday: "Ayer", "Yesterday";
    last_week: "Últimos 7 días", "Last 7 days";
    last_month: "Últimos 30 días", "Last 30 days";
    older: "Anteriores", "Older";
    being_written: "Escribiendo", "Being written";
    close: "Cerrar", "Close";
    save: "Guardar", "Save";
    saved: "Guardado", "Saved";
    delete: "Eliminar", "Delete";
    delete_now: "Eliminar para siempre", "Delete for ever";
    retry: "Reintentar", "Try again";
    reload: "Recargar la página", "Reload the page";
    copy: "Copiar", "Copy";
    more: "Más", "More";
    editing: "Estás cambiando una pregunta: la anterior queda guardada a su lado.",
        "You are changing a question: the one before stays beside it.";
    go_home: "Ir al inicio", "Go to the start";
    loading: "Cargando…", "Loading…";
    offline: "Sin conexión con el servidor. Lo que escribas se queda aquí; se reintenta solo.", "No connection to the server. What you write stays here; it will be tried again.";
    unreachable: "El servidor no responde. Comprueba la conexión y vuelve a intentarlo; no se ha perdido nada.", "The server does not answer. Check the connection and try again; nothing was lost.";
    failed_heading: "Esto no ha funcionado", "This did not work";

    // Chat
    welcome: "¿Qué quieres saber?", "What would you like to know?";
    welcome_line: "Sube documentos y pregunta en español o en inglés. Cada respuesta cita el pasaje del que sale, para que puedas comprobarla.", "Upload documents and ask in English or Spanish. Every answer cites the passage it comes from, so that you can check it.";
    example_1: "¿Qué dicen mis documentos sobre los plazos?", "What do my documents say about deadlines?";
    example_2: "Resume las ideas principales con sus fuentes", "Sum up the main ideas with their sources";
    example_3: "¿En qué se contradicen mis documentos?", "Where do my documents contradict each other?";
    examples: "Preguntas de ejemplo", "Example questions";
    ways_to_begin: "Para empezar", "Ways to begin";
    begin_with_document: "Sube un documento y pregunta por él", "Upload a document and ask about it";
    connect_for_answers: "Conecta un modelo para que redacte y resuma", "Connect a model to write and sum up";
    drop_heading: "Suelta aquí tus documentos", "Drop your documents here";
    drop_line: "Texto, Markdown, HTML, PDF o DOCX, hasta 50 MB cada uno. Solo tú los ves.", "Text, Markdown, HTML, PDF or DOCX, up to 50 MB each. Only you see them.";
    drop_public_line: "Formarán parte de la base de conocimiento: los verá toda persona con acceso.", "They join the knowledge base: everybody with access will see them.";
    drop_to_upload: "Suelta para subir", "Drop to upload";
    choose_files: "Elegir archivos", "Choose files";
    upload: "Subir", "Upload";
    attach: "Subir documentos", "Upload documents";
    ask: "Escribe una pregunta", "Write a question";
    ask_about: "Pregunta algo…", "Ask something…";
    send: "Enviar", "Send";
    stop: "Detener", "Stop";
    stopping: "Deteniendo…", "Stopping…";
    answered_by: "Responde", "Answers";
    extractive: "Extractos de tus documentos", "Extracts from your documents";
    extractive_note: "sin modelo de lenguaje", "no language model";
    connect_model: "Conectar un modelo", "Connect a model";
    adjust: "Ajustar este chat", "Adjust this chat";
    change_model: "Cambiar", "Change";
    new_text_below: "Hay texto nuevo abajo", "New text below";
    to_end: "Ir al final", "Go to the end";
    you_asked: "Tu pregunta", "Your question";
    the_answer: "Respuesta", "Answer";
    conversation: "Conversación", "Conversation";
    source: "Fuente", "Source";
    title: "Título", "Title";
    chat_options: "Opciones del chat", "Options of the chat";
    stopped_line: "La detuviste. El texto hasta aquí está guardado.", "You stopped it. The text so far is saved.";
    connecting_again: "Se ha cortado la conexión; reconectando. La respuesta sigue escribiéndose.", "The connection broke; connecting again. The answer is still being written.";
    preparing: "Preparando la respuesta…", "Preparing the answer…";
    thinking: "Pensando…", "Thinking…";
    thoughts: "Lo que piensa", "What it thinks";
    memory: "Memoria del chat", "Memory of the chat";
    memory_line: "Cuando se llena, lo más antiguo se resume para el modelo.", "When it is full, the oldest part is summarised for the model.";
    models: "Modelos", "Models";
    writing: "Escribiendo…", "Writing…";

    // Passages
    passage: "Pasaje", "Passage";
    open_document: "Abrir el documento en este pasaje", "Open the document at this passage";
    widen_panel: "Ancho del panel", "Width of the panel";
    verified: "Cita comprobada", "Quote verified";
    weak: "Coincidencia parcial", "Partial match";
    not_found: "No consta en el pasaje", "Not in the passage";
    verified_line: "Las palabras citadas están literalmente en el documento.", "The quoted words stand in the document, word for word.";
    weak_line: "El pasaje comparte palabras con la frase, pero no es una cita literal.", "The passage shares words with the sentence, but it is no literal quote.";
    not_found_line: "Lo que dice la frase no aparece en el pasaje. Compruébalo.", "What the sentence says does not appear in the passage. Check it.";
    relevance: "Relevancia", "Relevance";

    // Documents
    my_documents: "Mis documentos", "My documents";
    knowledge_base: "Base de conocimiento", "Knowledge base";
    documents_line: "De aquí salen las respuestas. Tus documentos son privados; la base de conocimiento es de todos.", "Answers come from here. Your documents are private; the knowledge base is everybody's.";
    find_document: "Buscar por título o etiqueta", "Find by title or tag";
    no_documents: "Aún no hay documentos.", "There are no documents yet.";
    no_documents_line: "Sube el primero y pregunta por él: la respuesta citará el pasaje.", "Upload the first and ask about it: the answer will cite the passage.";
    no_public_documents_line: "Quien administra puede subir documentos para todos.", "An administrator can upload documents for everybody.";
    no_match: "Ningún documento coincide con la búsqueda.", "No document matches the search.";
    clear_search: "Quitar el filtro", "Clear the filter";
    state: "Estado", "State";
    all_states: "Estado: todos", "State: all";
    state_ready: "Listos", "Ready";
    state_working: "En proceso", "In progress";
    state_failed: "Con fallos", "Failed";
    tag: "Etiqueta", "Tag";
    remove_filter: "Quitar", "Remove";
    filter: "Filtrar", "Filter";
    sort_by: "Ordenar por", "Sort by";
    newest_first: "Lo más reciente", "Newest first";
    turned_round: "al revés", "reversed";
    size: "Tamaño", "Size";
    history: "Historial", "History";
    two_databases: "Sincronización", "Synchronisation";
    fragments: "Fragmentos", "Chunks";
    changed: "Cambio", "Changed";
    actions: "Acciones", "Actions";
    queued: "En cola", "Queued";
    extracting: "Leyendo el archivo", "Reading the file";
    embedding: "Calculando significado", "Computing meaning";
    indexing: "Guardando en el índice", "Writing to the index";
    processing: "Procesando", "Processing";
    indexed: "Listo", "Ready";
    failed: "Ha fallado", "Failed";
    not_adopted: "Aún no adoptado", "Not yet adopted";
    technical: "Detalle técnico", "Technical detail";
    previous: "Anterior", "Previous";
    next: "Siguiente", "Next";
    download: "Descargar el original", "Download the original";
    delete_document_line: "Desde este momento ninguna respuesta lo usa, y sus pasajes dejan de verse en las anteriores y en los chats compartidos. Lo que ya citaron queda escrito en ellas. No se puede deshacer.", "From this moment no answer uses it, and its passages are gone from earlier ones and from shared chats. What those quoted stays written in them. This cannot be undone.";
    deleted: "Eliminado", "Deleted";
    tags: "Etiquetas", "Tags";
    tags_hint: "separadas por comas", "separated by commas";
    text: "Texto", "Text";
    private: "Solo tú", "Only you";
    public: "Base de conocimiento", "Knowledge base";
    document_not_ready: "El texto aparecerá aquí cuando el archivo se haya leído.", "The text will appear here when the file has been read.";
    unknown_model: "Modelo sin determinar", "Model not known yet";
    document_without_text: "De este archivo no se ha podido sacar ningún texto.", "No text could be read from this file.";
    cited_passage: "Pasaje citado", "Cited passage";
    quoted_words: "Palabras citadas", "Quoted words";

    // Uploads
    uploads: "Subidas", "Uploads";
    waiting: "En espera", "Waiting";
    uploading: "Subiendo", "Uploading";
    clear_list: "Cerrar la lista", "Close the list";
    same_file: "El mismo archivo ya estaba:", "The same file was here already:";
    both_kept: "Se ha subido otra vez; si no querías, elimina uno.", "It was uploaded again; if you did not mean to, delete one.";

    // Administration
    audit: "Registro", "Log";
    account: "Cuenta", "Account";
    admin_line: "Lo que es de todos: documentos públicos, personas y sincronización.",
        "What is everybody's: public documents, people and synchronisation.";
    still_answers: "Mientras tanto responde lo que ya había.", "What was there before goes on answering.";
    people: "Personas", "People";
    role: "Papel", "Role";
    chats: "Chats", "Chats";
    role_user: "Persona", "Person";
    role_admin: "Administra", "Administrator";
    role_owner: "Propietario", "Owner";

    // Sign-in and errors
    sign_in: "Iniciar sesión", "Sign in";
    page_not_found: "Aquí no hay nada", "There is nothing here";
    page_not_found_line: "La dirección no corresponde a ninguna página. Quizá se eliminó o cambió de sitio.", "No page has this address. Perhaps it was deleted or moved.";

    // Palette and keys
    palette: "Buscar chats y acciones", "Search chats and commands";
    palette_hint: "Buscar chats y acciones…", "Search chats and commands…";
    command: "Acción", "Command";
    chat: "Chat", "Chat";
    keyboard: "Atajos de teclado", "Keyboard shortcuts";
    key_search: "Buscar chats y acciones", "Search chats and commands";
    key_stop: "Detener la respuesta o cerrar", "Stop the answer or close";
    key_edit: "Editar la última pregunta (campo vacío)", "Edit the last question (empty field)";
    key_send: "Enviar", "Send";
    key_line: "Nueva línea", "New line";
    key_prompts: "Llamar a una plantilla (campo vacío)", "Call a prompt (empty field)";
    change_keys: "Cambiar atajos", "Change shortcuts";
    key_help: "Esta lista", "This list";
}

impl Texts {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::Es => &ES,
            Language::En => &EN,
        }
    }

    /// Of the words of both languages, Spanish first, those of this one.
    pub(crate) const fn said(&self, [es, en]: [&'static str; 2]) -> &'static str {
        if self.es() { es } else { en }
    }

    const fn es(&self) -> bool {
        matches!(self.language, Language::Es)
    }

    /// What an error code says. In the browser [`said`] has to do.
    #[cfg(feature = "ssr")]
    pub(crate) fn error(&self, code: &str) -> &'static str {
        ErrorCode::parse(code).unwrap_or(ErrorCode::Internal).message(self.language)
    }

    /// What somebody may do, in a word.
    pub(crate) const fn role_name(&self, role: cjhirashi_domain::user::Role) -> &'static str {
        match role {
            cjhirashi_domain::user::Role::User => self.role_user,
            cjhirashi_domain::user::Role::Admin => self.role_admin,
            cjhirashi_domain::user::Role::Owner => self.role_owner,
        }
    }

    /// A whole number with the language's separators: 12 345 or 12,345. Spanish leaves four digits together.
    pub(crate) fn number(&self, value: i64) -> String {
        let digits = value.unsigned_abs().to_string();
        let separator = if self.es() { '\u{202f}' } else { ',' };
        let mut text = String::new();
        if value < 0 {
            text.push('−');
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) && !(self.es() && digits.len() == 4) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    fn tenths(&self, value: f64) -> String {
        let text = format!("{value:.1}");
        if self.es() { text.replace('.', ",") } else { text }
    }

    /// A decimal number as a person types it.
    pub(crate) fn decimal(&self, value: f64) -> String {
        self.tenths(value)
    }

    /// A kind of file by its media type; others as they are.
    pub(crate) fn kind(&self, mime_type: &str) -> String {
        match mime_type {
            "application/pdf" => "PDF",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "DOCX",
            "text/markdown" => "Markdown",
            "text/html" => "HTML",
            "text/plain" => self.text,
            other => other,
        }
        .to_owned()
    }

    /// Bytes in the unit that leaves few digits.
    pub(crate) fn bytes(&self, bytes: i64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let value = bytes as f64;
        if bytes < 1_000 {
            format!("{bytes} B")
        } else if bytes < 1_000_000 {
            format!("{} kB", self.number((value / 1e3).round() as i64))
        } else if bytes < 1_000_000_000 {
            format!("{} MB", self.tenths(value / 1e6))
        } else {
            format!("{} GB", self.tenths(value / 1e9))
        }
    }

    /// A share of one as a percentage.
    pub(crate) fn percent(&self, share: f64) -> String {
        let whole = (share * 100.0).round();
        if self.es() { format!("{whole}\u{a0}%") } else { format!("{whole}%") }
    }

    /// Milliseconds as seconds.
    #[cfg(feature = "ssr")]
    pub(crate) fn seconds(&self, millis: i32) -> String {
        if millis < 1_000 { format!("{millis} ms") } else { format!("{} s", self.tenths(f64::from(millis) / 1e3)) }
    }

    /// How long ago something was.
    pub(crate) fn ago(&self, now: Timestamp, then: Timestamp) -> String {
        let seconds = (now.0 - then.0) / 1_000;
        let (count, es, en) = match seconds {
            ..45 => return if self.es() { "ahora mismo" } else { "just now" }.to_owned(),
            45..3_600 => (((seconds + 30) / 60).max(1), "min", "min"),
            3_600..86_400 => (seconds / 3_600, "h", "h"),
            86_400..2_592_000 => {
                let days = seconds / 86_400;
                (days, if days == 1 { "día" } else { "días" }, if days == 1 { "day" } else { "days" })
            }
            2_592_000..31_536_000 => {
                let months = seconds / 2_592_000;
                (months, if months == 1 { "mes" } else { "meses" }, if months == 1 { "month" } else { "months" })
            }
            _ => {
                let years = seconds / 31_536_000;
                (years, if years == 1 { "año" } else { "años" }, if years == 1 { "year" } else { "years" })
            }
        };
        if self.es() { format!("hace {count} {es}") } else { format!("{count} {en} ago") }
    }

    /// A number of things. `words` has the word for one and for more, in Spanish, then in English.
    fn count(&self, count: i64, [spanish, english]: [(&str, &str); 2]) -> String {
        let (one, more) = if self.es() { spanish } else { english };
        format!("{} {}", self.number(count), if count == 1 { one } else { more })
    }

    /// "1 documento", "12 documentos".
    pub(crate) fn count_documents(&self, count: i64) -> String {
        self.count(count, [("documento", "documentos"), ("document", "documents")])
    }

    /// "1 persona", "12 personas".
    #[cfg(feature = "ssr")]
    pub(crate) fn count_people(&self, count: i64) -> String {
        self.count(count, [("persona", "personas"), ("person", "people")])
    }

    /// The documents that stand so, as a choice.
    pub(crate) fn documents_that_are(&self, state: DocumentState) -> &'static str {
        match state {
            DocumentState::Ready => self.state_ready,
            DocumentState::Working => self.state_working,
            DocumentState::Failed => self.state_failed,
        }
    }

    /// "1 pasaje", "5 pasajes".
    #[cfg(feature = "ssr")]
    pub(crate) fn count_passages(&self, count: i64) -> String {
        self.count(count, [("pasaje", "pasajes"), ("passage", "passages")])
    }

    /// "1 fragmento", "8 fragmentos".
    pub(crate) fn count_chunks(&self, count: i64) -> String {
        self.count(count, [("fragmento", "fragmentos"), ("chunk", "chunks")])
    }

    /// "12 de 200 archivos".
    pub(crate) fn files_done(&self, done: usize, all: usize) -> String {
        match (self.es(), all) {
            (true, 1) => format!("{done} de 1 archivo"),
            (true, _) => format!("{done} de {all} archivos"),
            (false, 1) => format!("{done} of 1 file"),
            (false, _) => format!("{done} of {all} files"),
        }
    }

    /// A question about a document, for whoever does not know what to ask.
    pub(crate) fn what_does_it_say(&self, title: &str) -> String {
        if self.es() { format!("¿Qué dice «{title}»?") } else { format!("What does “{title}” say?") }
    }

    /// What an answer's search was.
    #[cfg(feature = "ssr")]
    pub(crate) fn searched(&self, documents: i64, passages: i32) -> String {
        if documents == 0 {
            return if self.es() { "Sin documentos donde buscar" } else { "No documents to search" }.to_owned();
        }
        let (documents, passages) = (self.count_documents(documents), self.count_passages(i64::from(passages)));
        if self.es() {
            format!("Buscado en {documents} · {passages}")
        } else {
            format!("Searched {documents} · {passages}")
        }
    }

    /// What is being done before the first word.
    pub(crate) fn stage(&self, stage: &AnswerStage) -> String {
        match stage {
            AnswerStage::Searching { documents } => {
                let documents = self.count_documents(*documents);
                if self.es() { format!("Buscando en {documents}…") } else { format!("Searching {documents}…") }
            }
            AnswerStage::Asking { model } if model == crate::api::EXTRACTIVE => {
                if self.es() { "Eligiendo los mejores pasajes…" } else { "Choosing the best passages…" }.to_owned()
            }
            AnswerStage::Asking { model } => {
                let model = model_name(model);
                if self.es() { format!("Preguntando a {model}…") } else { format!("Asking {model}…") }
            }
            AnswerStage::Thinking => self.thinking.to_owned(),
            AnswerStage::Writing => self.writing.to_owned(),
        }
    }

    /// A document's state in words.
    pub(crate) fn document_state(&self, document: &Document) -> &'static str {
        match (document.status, document.stage) {
            (DocumentStatus::Queued, _) => self.queued,
            (DocumentStatus::Processing, Some(Stage::Extracting)) => self.extracting,
            (DocumentStatus::Processing, Some(Stage::Embedding)) => self.embedding,
            (DocumentStatus::Processing, Some(Stage::Indexing)) => self.indexing,
            (DocumentStatus::Processing, None) => self.processing,
            (DocumentStatus::Indexed, _) => self.indexed,
            (DocumentStatus::Failed, _) if document.adopted => self.not_adopted,
            (DocumentStatus::Failed, _) => self.failed,
        }
    }

    /// A verdict as a label and as a sentence.
    pub(crate) fn verdict(&self, verdict: Verdict) -> (&'static str, &'static str) {
        match verdict {
            Verdict::Verified => (self.verified, self.verified_line),
            Verdict::Weak => (self.weak, self.weak_line),
            Verdict::NotFound => (self.not_found, self.not_found_line),
        }
    }

    /// "Página 3", short.
    #[cfg(feature = "ssr")]
    pub(crate) fn page_short(&self, page: i32) -> String {
        if self.es() { format!("pág. {page}") } else { format!("p. {page}") }
    }

    /// "Página 3".
    pub(crate) fn page(&self, page: i32) -> String {
        if self.es() { format!("Página {page}") } else { format!("Page {page}") }
    }

    /// "Parte 2 de 9" of a long document or list.
    pub(crate) fn part(&self, part: u32, parts: u32) -> String {
        if self.es() { format!("Parte {part} de {parts}") } else { format!("Part {part} of {parts}") }
    }

    /// What became of an answer that is not whole.
    #[cfg(feature = "ssr")]
    pub(crate) fn unfinished(&self, status: MessageStatus) -> &'static str {
        match status {
            MessageStatus::Interrupted => ErrorCode::Interrupted.message(self.language),
            MessageStatus::Stopped => self.stopped_line,
            _ => ErrorCode::Internal.message(self.language),
        }
    }

    /// A model's name for people.
    pub(crate) fn model_label(&self, id: &str) -> String {
        match model_name(id) {
            _ if id == crate::api::EXTRACTIVE => self.extractive.to_owned(),
            // The server's list of models could not be had, and none was chosen.
            "?" => self.unknown_model.to_owned(),
            name => name.to_owned(),
        }
    }

    /// Messages before those that are shown.
    pub(crate) fn earlier_messages(&self, count: usize) -> String {
        match (self.es(), count) {
            (true, 1) => "Ver 1 mensaje anterior".to_owned(),
            (true, _) => format!("Ver mensajes anteriores ({count})"),
            (false, 1) => "Show 1 earlier message".to_owned(),
            (false, _) => format!("Show earlier messages ({count})"),
        }
    }

    /// A retired or unavailable model and the one that answers in its place.
    pub(crate) fn instead_of(&self, wanted: &str) -> String {
        if self.es() {
            format!("en lugar de {}, que no está disponible", model_name(wanted))
        } else {
            format!("instead of {}, which is not available", model_name(wanted))
        }
    }

    /// A server's own words, whatever their language.
    #[cfg(feature = "ssr")]
    pub(crate) fn server_says(&self, words: &str) -> String {
        let words = words.trim_end_matches('.');
        if self.es() { format!("El servidor dice: «{words}».") } else { format!("The server says: “{words}”.") }
    }

    /// The way to a retired model's successor.
    #[cfg(feature = "ssr")]
    pub(crate) fn retired(&self, name: &str, successor: &str) -> String {
        let successor = model_name(successor);
        if self.es() {
            format!("{name} (retirado: responde {successor})")
        } else {
            format!("{name} (retired: {successor} answers)")
        }
    }

    /// Tokens of an answer.
    #[cfg(feature = "ssr")]
    pub(crate) fn tokens(&self, tokens: i64) -> String {
        format!("{} tokens", self.number(tokens))
    }

    /// A language by its code; other codes as they are.
    pub(crate) fn language_name(&self, code: &str) -> String {
        match (code, self.es()) {
            ("es", true) => "español",
            ("es", false) => "Spanish",
            ("en", true) => "inglés",
            ("en", false) => "English",
            (code, _) => code,
        }
        .to_owned()
    }

    /// Title of a page in the browser's tab.
    pub(crate) fn tab(&self, title: &str) -> String {
        // leptos_meta 0.8 writes a title into the head as it is; in the browser it is set as text.
        #[cfg(feature = "ssr")]
        let title = crate::api::server::escape(title);
        format!("{title} · Cjhirashi")
    }
}

/// Whether a text has every word of `wanted`, whatever their case and accents.
pub(crate) fn says(text: &str, wanted: &str) -> bool {
    let text = fold(text);
    fold(wanted).split_whitespace().all(|word| text.contains(word))
}

/// Lower case without the accents of Spanish, so that "como" finds "Cómo". The letters of our two languages only: the
/// tables for all alphabets are larger than the rest of this module.
fn fold(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'á' | 'à' | 'Á' | 'À' => 'a',
            'é' | 'è' | 'É' | 'È' => 'e',
            'í' | 'Í' => 'i',
            'ó' | 'Ó' => 'o',
            'ú' | 'ü' | 'Ú' | 'Ü' => 'u',
            'Ñ' => 'ñ',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

/// `openai:gpt-x` is shown as `gpt-x`.
pub(crate) fn model_name(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_language() {
        assert_eq!(ES.number(12_345), "12\u{202f}345");
        assert_eq!(ES.number(1_234), "1234");
        assert_eq!(EN.number(1_234), "1,234");
        assert_eq!(EN.number(-7), "−7");
        assert_eq!(ES.bytes(1_234_567), "1,2 MB");
        assert_eq!(EN.bytes(999), "999 B");
    }

    #[test]
    fn words_are_found_without_their_accents_and_in_any_order() {
        assert!(says("Cómo se PODA un Olivo", "olivo como"));
        assert!(says("Cómo", "  "));
        assert!(!says("Cómo se poda", "poda olivo"));
    }

    #[test]
    fn the_past_is_told_in_the_largest_unit_that_fits() {
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        assert_eq!(ES.ago(at(10), at(0)), "ahora mismo");
        assert_eq!(ES.ago(at(120), at(0)), "hace 2 min");
        assert_eq!(EN.ago(at(86_400), at(0)), "1 day ago");
        assert_eq!(ES.ago(at(86_400 * 400), at(0)), "hace 1 año");
    }
}
