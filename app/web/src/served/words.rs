//! The words of what the server makes alone, in both languages; they do not travel in the program.

mod phrases;

use cjhirashi_domain::settings::Language;

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
    reloads: "La página se carga sola mientras se escribe la respuesta.", "The page loads itself again while the answer is written.";
    write_meanwhile: "Escribir la pregunta siguiente", "Write the next question";
    holds_still: "La respuesta se está escribiendo; esta página no se carga sola.", "The answer is being written; this page does not load itself again.";
    see_it_written: "Ver cómo va", "See how far it is";
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
    not_whole: "Esta respuesta se detuvo antes de terminar.", "This answer stopped before its end.";
    continue_as_copy: "Continuar con una copia", "Continue as my copy";
    chats_line: "Todo lo que has hablado: búscalo, ordénalo en carpetas, fíjalo o archívalo.",
        "Everything you have talked about: find it, sort it into folders, pin it or archive it.";
    search_in_chats: "Buscar en los chats", "Search in chats";
    search_hint: "También: carpeta:nombre, etiqueta:nombre, antes:2026-01-31, desde:2026-01-01, \"palabras seguidas\", -\u{2060}sin",
        "Also: in:folder, tag:name, before:2026-01-31, after:2026-01-01, \"words in a row\", -\u{2060}without";
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
        "Search only documents with these tags (empty: all of them)";
    delete_folder: "Eliminar la carpeta", "Delete the folder";
    delete_folder_line: "La carpeta desaparece; sus chats se quedan.", "The folder goes; its chats stay.";
    every_chat: "Todos los de esta página", "All on this page";
    with_chosen: "Con los elegidos", "With those chosen";
    move_to_folder: "Mover a carpeta", "Move to a folder";
    move_verb: "Mover", "Move";
    label_verb: "Etiquetar", "Label";
    delete_chosen_line: "Los chats elegidos se eliminan con sus mensajes. No se puede deshacer.",
        "The chosen chats go with their messages. This cannot be undone.";
    thoughts_before: "Lo que pensó antes de responder", "What it thought before it answered";
    summarised: "Hasta aquí se resumió para el modelo", "Up to here it was summarised for the model";
    summarised_line: "El chat es largo: desde aquí se le contó esto en lugar de lo anterior.", "The chat is long: from here on it was told this instead of what came before.";
    spent_title: "Consumo", "Usage";
    spent_line: "Tokens y coste de tus respuestas por mes y modelo. El coste solo cuenta los modelos con precio; lo que se detuvo antes de terminar se estima.",
        "Tokens and cost of your answers by month and model. The cost counts only models with a price; what stopped before its end is estimated.";
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
    in_own_words: "Con tus palabras (opcional)", "In your own words (optional)";
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
    source_replaced: "ha cambiado desde esta respuesta", "has changed since this answer";
    source_gone: "El documento ya no está disponible", "The document is no longer available";
    searched_weaker: "El índice de significado no estaba disponible: se buscó por palabras y entre los pasajes más recientes.", "The index of meaning was not available: words and the newest passages were searched.";
    nothing_relevant: "Ningún pasaje supera el umbral.", "No passage reaches the threshold.";
    best_was: "Lo más parecido:", "The closest:";
    delete_chat_line: "Se borra con todos sus mensajes y no se puede deshacer. Sus artefactos se quedan en tu biblioteca.",
        "It goes with all its messages, and this cannot be undone. Its artifacts stay in your library.";
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
    shortcuts_line: "Funcionan en todas las páginas. Se escriben así: Ctrl K, Alt N, F2.",
        "They work on every page. They are written like this: Ctrl K, Alt N, F2.";
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
    images: "Imágenes", "Images";
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
    // Artifacts
    artifacts_line: "Lo que has hecho junto a los chats: tablas, páginas, código, informes, diagramas. Cada cambio es una versión.",
        "What you made beside the chats: tables, pages, code, reports, diagrams. Every change is a version.";
    search_in_artifacts: "Buscar en los artefactos", "Search artifacts";
    no_artifact_found: "Ningún artefacto es así", "No artifact is like that";
    no_artifacts: "Aún no hay artefactos", "There are no artifacts yet";
    no_artifacts_line: "Pide en un chat una tabla, un diagrama o una página, o empieza uno aquí arriba.",
        "Ask for a table, a diagram or a page in a chat, or begin one above.";
    kind_of_artifact: "Tipo", "Type";
    every_kind: "Todos los tipos", "All types";
    artifacts_of_chat: "Artefactos de este chat", "Artifacts of this chat";
    every_label: "Todas las etiquetas", "All tags";
    changed_after: "Desde", "From";
    changed_before: "Antes de", "Before";
    new_artifact: "Nuevo artefacto", "New artifact";
    artifact_title: "Título", "Title";
    make_artifact: "Crear", "Create";
    artifact_from_file: "O desde un archivo", "Or from a file";
    artifact_file_line: "Texto, código, CSV, JSON, Markdown, HTML, Mermaid, LaTeX o una imagen, hasta 16 MB.",
        "Text, code, CSV, JSON, Markdown, HTML, Mermaid, LaTeX or an image, up to 16 MB.";
    make_from_file: "Crear desde el archivo", "Create from the file";
    shared_badge: "Compartido", "Shared";
    undo: "Deshacer", "Undo";
    edit_artifact: "Editar", "Edit";
    ask_for_change: "Pedir un cambio", "Ask for a change";
    artifact_versions: "Versiones", "Versions";
    own_page: "Página propia", "Its own page";
    full_screen: "Pantalla completa", "Full screen";
    export_artifact: "Exportar", "Export";
    cancel_edit: "Cancelar", "Cancel";
    made_in: "Hecho en", "Made in";
    artifact_link: "Enlace del artefacto", "Link of the artifact";
    put_into_documents: "Añadir a mis documentos", "Add to my documents";
    about_artifact: "Este artefacto", "This artifact";
    share_artifact_line: "El enlace muestra la versión que había al compartirlo, solo para leer.",
        "The link shows the version there was when it was shared, for reading only.";
    delete_artifact_line: "Se borran todas sus versiones y su enlace, y no se puede deshacer.",
        "All its versions and its link are deleted, and this cannot be undone.";
    labels_example: "Etiquetas, separadas por comas", "Tags, separated by commas";
    a_model: "Un modelo", "A model";
    from_an_answer: "ver el mensaje", "see the message";
    you_wrote_it: "Tú", "You";
    shared_artifact_line: "Un artefacto compartido, solo para leer", "A shared artifact, for reading only";
    artifact_deleted: "Artefacto eliminado", "Artifact deleted";
    artifact_shared: "El enlace está listo: muestra esta versión.", "The link is ready: it shows this version.";
    make_artifact_of: "Hacer un artefacto", "Make an artifact";
    whole_message: "De todo el mensaje", "Of the whole message";
    see_newest: "Ver la más nueva", "See the newest";
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

    /// Of the words of both languages those of this one.
    const fn choose(&self, es: &'static str, en: &'static str) -> &'static str {
        match self.language {
            Language::Es => es,
            Language::En => en,
        }
    }
}
