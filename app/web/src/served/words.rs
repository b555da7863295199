//! The words of what the server makes alone, in both languages; they do not travel in the program.

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

macro_rules! words {
    ($($name:ident: $es:literal, $en:literal;)+) => {
        /// The words of one language.
        pub(crate) struct Words {
            language: Language,
            $(pub(crate) $name: &'static str,)+
        }

        static ES: Words = Words { language: Language::Es, $($name: $es,)+ };
        static EN: Words = Words { language: Language::En, $($name: $en,)+ };
    };
}

words! {
    // Messages, chats, and where they are kept
    import_export: "Traer y llevar", "Bring in and take out";
    import_line: "Trae la exportación de ChatGPT (zip o conversations.json), la de Open WebUI o la de Cjhirashi. Traerla dos veces no duplica nada.",
        "Bring in an export of ChatGPT (zip or conversations.json), of Open WebUI or of Cjhirashi. Bringing it in twice makes no duplicates.";
    import_file: "Archivo de la exportación", "The export's file";
    import_verb: "Traer chats", "Bring chats in";
    export_all: "Descargar todos (JSON)", "Download all (JSON)";
    as_markdown: "Descargar como Markdown", "Download as Markdown";
    as_json: "Descargar como JSON", "Download as JSON";
    whole_for_print: "Ver entero, para imprimir", "Show all of it, to print";
    share_by_link: "Compartir con un enlace", "Share by a link";
    shared_link: "Abrir el enlace compartido", "Open the shared link";
    share_again: "Actualizar", "Update";
    revoke_link: "Revocar", "Revoke";
    shared_now: "El enlace está en el menú del chat y lo muestra tal como está ahora.", "The link is in the menu of the chat and shows it as it is now.";
    unshared_now: "El enlace ya no lleva a nada.", "The link leads to nothing any more.";
    shared_line: "Un chat compartido, tal como estaba", "A shared chat, as it was";
    continue_as_copy: "Continuar con una copia", "Continue as my copy";
    chats_line: "Todo lo que has hablado: búscalo, ordénalo en carpetas, fíjalo o archívalo.",
        "Everything you have talked about: find it, sort it into folders, pin it or archive it.";
    search_in_chats: "Buscar en los chats", "Search in chats";
    search_hint: "También: in:carpeta, tag:etiqueta, before:2026-01-31, after:2026-01-01, \"palabras seguidas\", -sin",
        "Also: in:folder, tag:label, before:2026-01-31, after:2026-01-01, \"words in a row\", -without";
    no_chat_found: "Ningún chat tiene esas palabras", "No chat has these words";
    no_chats_here: "Aquí no hay chats", "There are no chats here";
    all_chats: "Todos", "All";
    archive: "Archivo", "Archive";
    archive_verb: "Archivar", "Archive";
    unarchive: "Sacar del archivo", "Unarchive";
    pin: "Fijar arriba", "Pin";
    unpin: "Dejar de fijar", "Unpin";
    pinned: "Fijado", "Pinned";
    folder: "Carpeta", "Folder";
    new_folder: "Nueva carpeta", "New folder";
    create_folder: "Crear la carpeta", "Create the folder";
    folder_line: "Lo que dices aquí vale para todos sus chats.", "What you say here holds for all its chats.";
    folder_instructions: "Instrucciones para el modelo", "Instructions for the model";
    folder_documents: "Buscar solo en documentos con estas etiquetas (vacío: en todos)",
        "Search only documents with these labels (empty: all of them)";
    delete_folder: "Eliminar la carpeta", "Delete the folder";
    delete_folder_line: "La carpeta desaparece; sus chats se quedan.", "The folder goes; its chats stay.";
    with_chosen: "Con los elegidos:", "With those chosen:";
    move_to_folder: "Mover a carpeta", "Move to a folder";
    move_verb: "Mover", "Move";
    label_verb: "Etiquetar", "Label";
    delete_chosen_line: "Los chats elegidos se eliminan con sus mensajes. No se puede deshacer.",
        "The chosen chats go with their messages. This cannot be undone.";
    thoughts_before: "Lo que pensó antes de responder", "What it thought before it answered";
    summarised: "Hasta aquí se resumió para el modelo", "Up to here it was summarised for the model";
    summarised_line: "El chat es largo: desde aquí se le contó esto en lugar de lo anterior.", "The chat is long: from here on it was told this instead of what came before.";
    spent_title: "Consumo", "Usage";
    spent_line: "Tokens y coste de tus respuestas por mes y modelo. El coste solo cuenta los modelos con precio.",
        "Tokens and cost of your answers by month and model. The cost counts only models with a price.";
    nothing_spent: "Aún no se ha gastado nada.", "Nothing was spent yet.";
    month: "Mes", "Month";
    tokens_in: "Tokens leídos", "Tokens read";
    tokens_out: "Tokens escritos", "Tokens written";
    cost: "Coste", "Cost";
    answers_count: "Respuestas", "Answers";
    no_models: "Aún no hay ningún modelo conectado.", "No model is connected yet.";
    models_line: "Los modelos que se pueden elegir y lo que cuestan, en US$ por millón de tokens (vacío: lo que diga el proveedor).",
        "The models that can be chosen and what they cost, in US$ for a million tokens (empty: what the provider tells).";
    context: "Contexto", "Context";
    price_in: "Entrada", "Input";
    price_out: "Salida", "Output";
    price_saved: "El precio vale para las respuestas que vengan.", "The price holds for answers to come.";
    spent_by_all: "Consumo de todas las personas", "Everybody's usage";
    model: "Modelo", "Model";
    as_in_settings: "Como en mis ajustes", "As in my settings";
    temperature: "Temperatura", "Temperature";
    max_tokens: "Tokens como mucho", "Tokens at most";
    search_documents: "Buscar en documentos", "Search documents";
    search_yes: "Sí", "Yes";
    search_no: "No", "No";
    only_documents: "Buscar solo en estos documentos", "Search only these documents";
    add_document: "Título de un documento", "Title of a document";
    waiting_question: "Pregunta en espera", "Waiting question";
    waiting_questions: "Preguntas en espera", "Waiting questions";
    queue_waits: "Se preguntará en cuanto termine esta respuesta.", "Asked as soon as this answer has ended.";
    queue_held: "La respuesta anterior no se completó; esto sigue en espera.", "The answer before was not completed; this waits on.";
    ask_now: "Preguntar ahora", "Ask now";
    take_out: "Quitar", "Take out";
    copy_markdown: "Copiar como Markdown", "Copy as Markdown";
    copy_up_to_here: "Copiar hasta aquí en otro chat", "Copy up to here into another chat";
    copy_chat: "Copiar en otro chat", "Copy into another chat";
    answer_again: "Responder otra vez", "Answer again";
    answer_again_with: "Responder otra vez con", "Answer again with";
    good_answer: "Buena respuesta", "Good answer";
    bad_answer: "Mala respuesta", "Bad answer";
    what_was_wrong: "¿Qué ha fallado?", "What was wrong?";
    reason_wrong: "Dice algo que no es cierto", "It says something untrue";
    reason_sources: "Las fuentes no son las adecuadas", "The sources are not the right ones";
    reason_question: "No responde a la pregunta", "It does not answer the question";
    reason_style: "Es demasiado larga, corta o confusa", "It is too long, too short or confusing";
    send_rating: "Enviar valoración", "Send rating";
    thanks: "Gracias: queda anotado junto a la respuesta.", "Thank you: it is kept with the answer.";
    versions: "Versiones", "Versions";
    version_before: "Versión anterior", "Version before";
    version_after: "Versión siguiente", "Version after";
    delete_question_line: "Se elimina la pregunta con sus respuestas. Lo que sigue se queda.",
        "The question goes with its answers. What follows stays.";
    delete_answer_line: "Se elimina esta respuesta. Lo que sigue se queda.", "This answer goes. What follows stays.";
    rename: "Renombrar", "Rename";
    edit_question: "Editar y volver a preguntar", "Edit and ask again";
    show_all: "Mostrar todo", "Show all";
    sources: "Fuentes", "Sources";
    source_gone: "El documento ya no está disponible", "The document is no longer available";
    searched_weaker: "El índice de significado no estaba disponible: se buscó por palabras y entre los pasajes más recientes.", "The index of meaning was not available: words and the newest passages were searched.";
    nothing_relevant: "Ningún pasaje supera el umbral.", "No passage reaches the threshold.";
    best_was: "Lo más parecido:", "The closest:";
    delete_chat_line: "Se borra con todos sus mensajes. No se puede deshacer.", "It goes with all its messages. This cannot be undone.";
    empty_answer: "La respuesta quedó vacía.", "The answer stayed empty.";
    // Settings, people
    settings_line: "Cada cambio se guarda al momento.", "Each change is saved at once.";
    appearance: "Apariencia", "Appearance";
    theme: "Tema", "Theme";
    theme_system: "Sistema", "System";
    theme_light: "Claro", "Light";
    theme_dark: "Oscuro", "Dark";
    code_theme: "Colores del código", "Colours of code";
    code_auto: "Como la página", "Like the page";
    code_dark: "Siempre oscuro", "Always dark";
    code_light: "Siempre claro", "Always light";
    answers: "Respuestas", "Answers";
    shortcuts_line: "Pulsa ? en cualquier página para ver todos. Se escriben así: Ctrl K, Alt N, F2.",
        "Press ? on any page to see them all. They are written like this: Ctrl K, Alt N, F2.";
    mail: "Avisos por correo", "E-mail notifications";
    mail_hint: "Documentos listos o fallidos, respuestas largas si no estás, claves y dispositivos nuevos.", "Documents ready or failed, long answers while you are away, new keys and devices.";
    mail_off: "Este servidor no envía correo.", "This server sends no mail.";
    shortcut_list: "Ver los atajos", "Show the shortcuts";
    longest_answer: "Longitud máxima", "Greatest length";
    model_hint: "Quién escribe las respuestas de tus chats.", "Who writes the answers of your chats.";
    model_default: "El de la instancia", "The instance's";
    temperature_hint: "Baja: respuestas más constantes. Alta: más variadas.", "Low: steadier answers. High: more varied ones.";
    max_tokens_hint: "El máximo de tokens de una respuesta, de 1 a 200 000.", "The most tokens of one answer, 1 to 200,000.";
    from_documents: "Respuestas desde documentos", "Answers from documents";
    rag_enabled: "Buscar en los documentos", "Search the documents";
    rag_enabled_hint: "Cada pregunta busca en tus documentos y en la base de conocimiento.", "Every question searches your documents and the knowledge base.";
    rag_top_k: "Pasajes por respuesta", "Passages per answer";
    rag_top_k_hint: "Cuántos pasajes, como mucho, recibe el modelo, de 1 a 20.", "How many passages, at most, the model is given, 1 to 20.";
    rag_min_score: "Relevancia mínima", "Least relevance";
    rag_min_score_hint: "Por debajo, un pasaje no se usa y la respuesta dice cuál era el más parecido.", "Below it a passage is not used, and the answer says which one came closest.";
    connection: "Conectar un modelo mejor", "Connect a better model";
    connection_line: "Cualquier servidor que hable el protocolo de OpenAI: OpenAI, OpenRouter, Groq, Ollama, LM Studio, llama.cpp… También sirven las variables OPENAI_API_KEY, ANTHROPIC_API_KEY o GEMINI_API_KEY al arrancar el servidor.", "Any server that speaks OpenAI's protocol: OpenAI, OpenRouter, Groq, Ollama, LM Studio, llama.cpp… The variables OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY at the server's start serve as well.";
    connection_only_admin: "Solo quien administra puede conectar un modelo. También puede hacerlo con las variables OPENAI_API_KEY, ANTHROPIC_API_KEY o GEMINI_API_KEY al arrancar el servidor.", "Only an administrator can connect a model. They can also do it with the variables OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY at the server's start.";
    base_url: "Dirección (URL base)", "Address (base URL)";
    api_key: "Clave de API", "API key";
    api_key_kept: "Guardada; déjala vacía para conservarla", "Kept; leave it empty to keep it";
    api_key_optional: "Vacía si el servidor no la pide", "Empty if the server asks for none";
    model_name: "Nombre del modelo", "Name of the model";
    connect: "Comprobar y conectar", "Check and connect";
    connecting: "Comprobando…", "Checking…";
    connected: "Conectado", "Connected";
    disconnect: "Desconectar", "Disconnect";
    found_here: "Encontrado en este equipo:", "Found on this machine:";
    use_it: "Usarlo", "Use it";
    interface_language: "Idioma de la interfaz", "Language of the interface";
    instance_model: "Ahora responde", "Answering now";
    account_line: "Formas de entrar, dispositivos, claves de API y tus datos",
        "Ways in, devices, API keys and your data";
    oldest_account_first: "Por antigüedad", "Oldest account first";
    no_chunks: "Este documento aún no tiene fragmentos.", "This document has no chunks yet.";
    person: "Persona", "Person";
    last_seen: "Última visita", "Last seen";
    never: "Nunca", "Never";
    find_person: "Buscar por nombre o correo", "Find by name or address";
    no_person: "Nadie coincide con la búsqueda.", "Nobody matches the search.";
    // Kept questions
    prompts_line: "Preguntas que haces a menudo. En un chat se llaman con / y su nombre.",
        "Questions that you ask often. In a chat they are called with / and their name.";
    no_prompts: "Aún no hay plantillas", "There are no prompts yet";
    no_prompts_line: "Guarda una pregunta que hagas a menudo y llámala en cualquier chat con / y su nombre.",
        "Keep a question that you ask often, and call it in any chat with / and its name.";
    new_prompt: "Nueva plantilla", "New prompt";
    keep_prompt: "Guardar plantilla", "Keep prompt";
    change_prompt: "Cambiar esta plantilla", "Change this prompt";
    manage_prompts: "Crear y cambiar plantillas", "Make and change prompts";
    prompt_text: "Texto", "Text";
    prompt_name_example: "resumir", "sum-up";
    prompt_text_example: "Resume {{documento}} en cinco puntos, en {{idioma}}.", "Sum up {{document}} in five points, in {{language}}.";
    prompt_gaps_line: "Lo que esté entre llaves dobles, como {{idioma}}, es un hueco que se rellena al preguntar.",
        "What stands between double braces, such as {{language}}, is a gap that is filled in when you ask.";
    prompt_for_all: "Para todas las personas de esta instancia", "For everybody on this instance";
    prompt_of_all: "De todos", "Everybody's";
    ask_in_new_chat: "Preguntar en un chat nuevo", "Ask in a new chat";
    delete_prompt_line: "Deja de estar en la lista. Lo que se preguntó con ella se queda.", "It leaves the list. What was asked with it stays.";
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
    // The door
    link_line: "Abre el enlace de acceso que el servidor mostró al arrancar. Vale una sola vez.",
        "Open the sign-in link that the server printed when it started. It works once.";
    link_used: "¿Ya lo usaste? Pide otro en la terminal del servidor:", "Used already? Get another one in the server's terminal:";
    link_why: "Este servidor solo escucha en este equipo y no usa contraseñas.",
        "This server listens on this machine alone and uses no passwords.";
    no_passwords: "Aquí no hay contraseñas: entras con tu cuenta de siempre.", "There are no passwords here: you sign in with the account you have.";
    // Who somebody is
    account: "Cuenta", "Account";
    ways_in: "Formas de entrar", "Ways in";
    ways_in_line: "Cuentas con las que puedes iniciar sesión aquí.", "Accounts that you can sign in with here.";
    no_accounts: "Entras con un enlace del servidor. Enlaza una cuenta para no necesitarlo.",
        "You come in by a link of the server. Link an account to do without.";
    refresh_profile: "Actualizar perfil", "Update profile";
    unlink: "Desenlazar", "Unlink";
    unlink_line: "Ya no podrás entrar con esta cuenta.", "You will not be able to sign in with this account any more.";
    last_used: "Último uso", "Last used";
    devices: "Dispositivos", "Devices";
    devices_line: "Navegadores con tu sesión abierta.", "Browsers that you are signed in with.";
    unknown_device: "Navegador desconocido", "Unknown browser";
    this_one: "este", "this one";
    signed_in: "Sesión iniciada", "Signed in";
    end_session: "Cerrar sesión", "Sign out";
    end_others: "Cerrar las demás", "Sign out all others";
    keys: "Claves de API", "API keys";
    keys_line: "Para usar tus chats y documentos desde otros programas.", "To use your chats and documents from other programs.";
    api_description: "Descripción de la API", "Description of the API";
    no_keys: "No tienes ninguna clave.", "You have no keys.";
    key_name: "Nombre de la clave", "Name of the key";
    key_scope: "Qué permite", "What it allows";
    key_days: "Caducidad", "Expiry";
    days_90: "90 días", "90 days";
    days_365: "1 año", "1 year";
    for_ever: "Sin caducidad", "No expiry";
    create_key: "Crear clave", "Make a key";
    key_once: "Cópiala ahora: no se volverá a mostrar.", "Copy it now: it will not be shown again.";
    never_used: "sin usar", "never used";
    expired: "caducada", "expired";
    revoke: "Revocar", "Revoke";
    revoke_line: "Los programas que la usan dejarán de tener acceso al momento.", "Programs that use it lose their access at once.";
    activity: "Actividad", "Activity";
    activity_line: "Lo último que se hizo con tu cuenta.", "The last that was done with your account.";
    data: "Tus datos", "Your data";
    data_line: "Llévate una copia de todo, o borra tu cuenta.", "Take a copy of everything, or delete your account.";
    export: "Descargar todo", "Download everything";
    delete_account: "Eliminar la cuenta", "Delete the account";
    delete_account_line: "Se borran tus chats, artefactos, documentos, archivos y vectores, y no se puede deshacer. Los documentos públicos que subiste se quedan.",
        "Your chats, artifacts, documents, files and vectors are erased, and this cannot be undone. Public documents that you uploaded stay.";
    type_address: "Para confirmar, escribe", "To confirm, type";
    delete_now: "Eliminar para siempre", "Delete for ever";
    account_deleted: "Tu cuenta se eliminó", "Your account was deleted";
    before: "Había", "There were";
    now: "Quedan", "Left";
    messages: "Mensajes", "Messages";
    artifacts: "Artefactos", "Artifacts";
    files: "Archivos", "Files";
    passages: "Fragmentos con sus vectores", "Passages with their vectors";
    rest_follows: "Lo que queda ya no lo encuentra nadie y se está borrando.", "What is left nobody finds any more, and it is being erased.";
    receipt_line: "Guarda esta página como recibo: el servidor ya no sabe quién eres.",
        "Keep this page as your receipt: the server does not know who you are any more.";
    // People
    invitations: "Invitaciones", "Invitations";
    invitations_line: "Quien entre con una de estas direcciones, verificada por su proveedor, tendrá acceso. Avísale tú.",
        "Whoever signs in with one of these addresses, verified by their provider, gets access. Tell them yourself.";
    invitations_mailed_line: "Quien entre con una de estas direcciones, verificada por su proveedor, tendrá acceso. El enlace les llega por correo.",
        "Whoever signs in with one of these addresses, verified by their provider, gets access. They get the link by mail.";
    no_providers: "Este servidor no tiene ningún proveedor de inicio de sesión; hasta que lo tenga, nadie más puede entrar.",
        "This server has no sign-in provider; until it has one, nobody else can come in.";
    no_invitations: "No hay invitaciones pendientes.", "No invitations are waiting.";
    address: "Dirección de correo", "E-mail address";
    invite: "Invitar", "Invite";
    revoke_invitation: "Retirar", "Take back";
    disable: "Desactivar", "Disable";
    disable_line: "Su sesión se cierra al momento en todas partes y no podrá volver a entrar. Sus datos se quedan.",
        "They are signed out everywhere at once and cannot come in again. Their data stays.";
    enable: "Reactivar", "Enable again";
    disabled: "Desactivada", "Disabled";
    // What was done
    audit: "Registro", "Log";
    audit_line: "Quién hizo qué, durante el último año.", "Who did what, within the last year.";
    who: "Quién", "Who";
    from: "Desde", "From";
    nobody_known: "—", "—";
    newer: "Más recientes", "Newer";
    older: "Más antiguos", "Older";
}

/// The words of one language.
pub(crate) const fn words_of(language: Language) -> &'static Words {
    Words::of(language)
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

    /// What an import came to.
    pub(crate) fn imported(&self, texts: &Texts, imported: i64, known: i64, damaged: i64) -> String {
        let mut words = format!("{} {}.", self.choose("Chats traídos:", "Chats brought in:"), texts.number(imported));
        for (count, said) in [
            (known, self.choose("Ya estaban:", "Here before:")),
            (damaged, self.choose("No se han podido leer:", "Could not be read:")),
        ] {
            if count > 0 {
                words.push_str(&format!(" {said} {}.", texts.number(count)));
            }
        }
        words
    }

    /// How many chats there are.
    pub(crate) fn count_chats(&self, texts: &Texts, count: i64) -> String {
        if count == 1 { "1 chat".to_owned() } else { format!("{} chats", texts.number(count)) }
    }

    /// The title of a copied chat.
    pub(crate) fn copy_of(&self, title: &str) -> String {
        format!("{} {title}", self.choose("Copia de", "Copy of"))
    }

    /// The button of a provider.
    pub(super) fn sign_in_with(&self, provider: &str) -> String {
        format!("{} {provider}", self.choose("Entrar con", "Sign in with"))
    }

    /// The link to a provider.
    pub(super) fn on_to(&self, provider: &str) -> String {
        format!("{} {provider}", self.choose("Continuar a", "Go on to"))
    }

    /// The button that makes one another way in.
    pub(super) fn link(&self, provider: &str) -> String {
        format!("{} {provider}", self.choose("Enlazar", "Link"))
    }

    pub(super) const fn scope(&self, scope: Scope) -> &'static str {
        match scope {
            Scope::Read => self.choose("Solo leer y preguntar", "Read and ask only"),
            Scope::Write => self.choose("Leer y escribir", "Read and write"),
            Scope::Admin => self.choose("Todo lo que puedes tú", "All that you can"),
        }
    }

    /// How long something is good for yet.
    pub(super) fn until(&self, texts: &Texts, now: Timestamp, at: Timestamp) -> String {
        let days = ((at.0 - now.0).max(0) + 86_399_999) / 86_400_000;
        match (self.language, days) {
            (Language::Es, ..=1) => "caduca en menos de un día".to_owned(),
            (Language::Es, days) => format!("caduca en {} días", texts.number(days)),
            (Language::En, ..=1) => "expires within a day".to_owned(),
            (Language::En, days) => format!("expires in {} days", texts.number(days)),
        }
    }

    pub(super) const fn account_done(&self, done: AccountDone) -> &'static str {
        match done {
            AccountDone::Linked => self.choose("La cuenta está enlazada.", "The account is linked."),
            AccountDone::Unlinked => self.choose("La cuenta ya no está enlazada.", "The account is no longer linked."),
            AccountDone::Refreshed => self.choose("Tu perfil está al día.", "Your profile is up to date."),
            AccountDone::SignedOut => self.choose("La sesión se cerró.", "It was signed out."),
            AccountDone::Revoked => self.choose("La clave ya no vale.", "The key is no longer good."),
        }
    }

    pub(super) const fn people_done(&self, done: PeopleDone) -> &'static str {
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
    pub(super) const fn delivery(&self, delivery: Delivery) -> &'static str {
        match delivery {
            Delivery::Waiting => self.choose("correo en camino", "mail on its way"),
            Delivery::Sent => self.choose("correo enviado", "mail sent"),
            Delivery::GivenUp => self.choose("el correo no se pudo enviar", "the mail could not be sent"),
        }
    }

    /// What the log keeps beside an action: names of roles, ways in and commands become words, the rest is as it is.
    pub(super) fn detail(&self, t: &'static Texts, detail: &str) -> String {
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

    pub(super) const fn action(&self, action: Action) -> &'static str {
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

    /// A number as somebody types it.
    pub(super) fn typed(&self, number: f64) -> String {
        match self.language {
            Language::Es => number.to_string().replace('.', ","),
            Language::En => number.to_string(),
        }
    }

    /// An amount of US dollars, with as many digits as it needs to say something.
    pub(super) fn money(&self, t: &Texts, dollars: f64) -> String {
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
    pub(super) fn left_out(&self, count: i32) -> String {
        match (self.language, count) {
            (Language::Es, 1) => "sin el mensaje más antiguo".to_owned(),
            (Language::Es, _) => format!("sin los {count} mensajes más antiguos"),
            (Language::En, 1) => "without the oldest message".to_owned(),
            (Language::En, _) => format!("without the {count} oldest messages"),
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
