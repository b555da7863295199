//! Error codes: one table from code to HTTP status and to words in both languages.
//!
//! A code is stable and public (`documents:not_found`); the words say what happened and what to do. Causes stay in
//! the log.

use serde::{Deserialize, Serialize};

use crate::settings::Language;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, es $es:literal, en $en:literal;)+) => {
        /// What went wrong, as the API, the pages and the log call it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable text, `area:what`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status it answers with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// What happened and what to do, for a person.
            #[must_use]
            pub const fn message(self, language: Language) -> &'static str {
                match language {
                    Language::Es => match self { $(Self::$name => $es,)+ },
                    Language::En => match self { $(Self::$name => $en,)+ },
                }
            }
        }
    };
}

codes! {
    /// Nobody is signed in, or the key is unknown.
    Unauthorized = "auth:unauthorized", 401,
        es "Inicia sesión para continuar.", en "Sign in to go on.";
    /// The key is missing, unknown or revoked.
    InvalidKey = "auth:invalid_key", 401,
        es "La clave de API falta o no es válida. Crea una en Ajustes.", en "The API key is missing or not valid. Make one in the settings.";
    /// The key is good, but not for this.
    KeyScope = "auth:key_scope", 403,
        es "Esta clave de API es solo de lectura. Crea otra con permiso de escritura en Ajustes.", en "This API key is for reading only. Make another one for writing in the settings.";
    /// The person or the provider said no.
    SignInDenied = "auth:denied", 403,
        es "No se dio permiso en el proveedor, así que no se ha iniciado sesión. Puedes volver a intentarlo.", en "The provider was not allowed to say who you are, so nobody was signed in. You can try again.";
    /// A sign-in at a provider that was not begun here, is too old, or ended before.
    SignInExpired = "auth:expired", 410,
        es "Este inicio de sesión ha caducado o empezó en otro navegador. Empieza de nuevo.", en "This sign-in has expired or was begun in another browser. Begin again.";
    /// The provider refuses us, or what it says is not proven.
    SignInFailed = "auth:provider_failed", 502,
        es "El proveedor no ha confirmado quién eres. Vuelve a intentarlo; si sigue igual, avisa a quien administra el servidor.", en "The provider did not confirm who you are. Try again; if it stays so, tell whoever runs the server.";
    /// The provider cannot be reached.
    SignInUnavailable = "auth:provider_unavailable", 502,
        es "El proveedor no responde. Vuelve a intentarlo en un momento o entra con otro.", en "The provider does not answer. Try again in a moment, or sign in with another one.";
    /// The policy admits nobody like them.
    NotInvited = "auth:not_invited", 403,
        es "Aún no tienes acceso aquí. Pide a quien administra el servidor que invite a tu dirección de correo.", en "You do not have access here yet. Ask whoever runs the server to invite your e-mail address.";
    /// Kept out by an administrator.
    PersonDisabled = "auth:disabled", 403,
        es "Tu cuenta está desactivada. Habla con quien administra el servidor.", en "Your account is disabled. Talk to whoever runs the server.";
    /// Somebody has that address already.
    AddressTaken = "auth:address_taken", 409,
        es "Ya hay una cuenta con esta dirección. Entra como lo hiciste la primera vez y enlaza este proveedor en Ajustes.", en "There is an account with this address already. Sign in as you did before, and link this provider in the settings.";
    /// The account is another person's way in.
    AccountTaken = "auth:account_taken", 409,
        es "Esa cuenta del proveedor ya es de otra persona aquí.", en "That account of the provider belongs to another person here.";
    /// The provider tells no verified address.
    NoVerifiedAddress = "auth:no_verified_address", 403,
        es "El proveedor no da una dirección de correo verificada. Verifícala allí y vuelve a intentarlo.", en "The provider tells no verified e-mail address. Verify it there and try again.";
    /// The typed address is not the person's own.
    NotConfirmed = "auth:not_confirmed", 422,
        es "La dirección que escribiste no es la tuya, así que no se ha borrado nada.", en "The address that you typed is not yours, so nothing was deleted.";
    /// The only owner cannot leave while others are here.
    LastOwner = "auth:last_owner", 409,
        es "Eres la única persona propietaria. Da ese rol a alguien antes de eliminar tu cuenta.", en "You are the only owner. Give that role to somebody before you delete your account.";
    /// The last way in stays.
    LastAccount = "auth:last_account", 409,
        es "Es tu única forma de entrar. Enlaza otra antes de quitarla.", en "It is your only way in. Link another one before you remove it.";
    /// Signed in, but not allowed.
    Forbidden = "auth:forbidden", 403,
        es "No tienes permiso para esto.", en "You are not allowed to do this.";
    /// The request came from another site.
    BadOrigin = "auth:bad_origin", 403,
        es "La petición viene de otro sitio y no se ha aceptado.", en "The request came from another site and was refused.";
    /// The sign-in link was used or is too old.
    LinkExpired = "auth:link_expired", 410,
        es "Este enlace de acceso ya se usó o ha caducado. Pide otro con «cjhirashi sign-in-link».", en "This sign-in link was used or has expired. Get another with \"cjhirashi sign-in-link\".";
    /// No page or call has this address.
    NotFound = "http:not_found", 404,
        es "Aquí no hay nada.", en "There is nothing here.";
    /// The call exists with another method.
    MethodNotAllowed = "http:method_not_allowed", 405,
        es "Este método no se admite aquí.", en "This method is not allowed here.";
    /// The request could not be read.
    InvalidRequest = "http:invalid_request", 400,
        es "La petición no se entiende.", en "The request could not be understood.";
    /// The request asks for what this server does not do.
    Unsupported = "http:unsupported", 400,
        es "Este servidor no hace lo que pide la petición.", en "This server does not do what the request asks for.";
    /// The body is larger than allowed.
    BodyTooLarge = "http:body_too_large", 413,
        es "El envío es demasiado grande.", en "The request is too large.";
    /// Too many at once.
    TooMany = "http:too_many_requests", 429,
        es "Demasiadas peticiones a la vez. Espera un momento y vuelve a intentarlo.", en "Too many requests at once. Wait a moment and try again.";
    /// Something of ours broke.
    Internal = "http:internal", 500,
        es "Algo ha fallado de nuestro lado. Tu trabajo está guardado; vuelve a intentarlo.", en "Something failed on our side. Your work is saved; try again.";
    /// PostgreSQL does not answer.
    DatabaseUnavailable = "http:database_unavailable", 503,
        es "La base de datos no responde. Vuelve a intentarlo en unos segundos.", en "The database does not answer. Try again in a few seconds.";
    /// No such chat, or not yours.
    ChatNotFound = "chats:not_found", 404,
        es "Este chat no existe o no es tuyo.", en "This chat does not exist or is not yours.";
    /// A link leads to no shared chat.
    ShareNotFound = "shares:not_found", 404,
        es "Este enlace ya no lleva a ningún chat: quien lo compartió lo revocó o lo borró.", en "This link leads to no chat any more: whoever shared it revoked or deleted it.";
    /// The title is empty or too long.
    ChatTitleInvalid = "chats:invalid_title", 422,
        es "El título debe tener entre 1 y 200 caracteres.", en "The title must have 1 to 200 characters.";
    /// Whoever has that address needs no invitation.
    AlreadyHere = "people:already_here", 409,
        es "Esta persona ya está aquí. Su rol se cambia en la lista.", en "This person is here already. Their role is changed in the list.";
    /// A price that is none.
    PriceInvalid = "models:invalid_price", 422,
        es "El precio debe ser un número de 0 a 100 000, en US$ por millón de tokens, para la entrada y para la salida.", en "The price must be a number from 0 to 100,000, in US$ for a million tokens, for input and for output.";
    /// No such folder, or not yours.
    FolderNotFound = "folders:not_found", 404,
        es "Esta carpeta no existe o no es tuya.", en "This folder does not exist or is not yours.";
    /// A folder has no name, or another one has it.
    FolderInvalid = "folders:invalid", 422,
        es "La carpeta necesita un nombre que no tenga otra.", en "The folder needs a name that no other one has.";
    /// A file that is no image, or none that can be read.
    ImageInvalid = "images:invalid", 422,
        es "Esta imagen no se puede leer. Sirven PNG, JPEG, WebP y GIF de hasta 20 MB y 50 megapíxeles.", en "This image cannot be read. PNG, JPEG, WebP and GIF of up to 20 MB and 50 megapixels will do.";
    /// No such image, or not yours, or sent before.
    ImageNotFound = "images:not_found", 404,
        es "Una de las imágenes ya no está. Quítala y vuelve a añadirla.", en "One of the images is no longer there. Take it out and add it again.";
    /// More images than a question has.
    ImagesTooMany = "images:too_many", 422,
        es "Una pregunta lleva como mucho ocho imágenes.", en "A question has at most eight images.";
    /// The model takes no images.
    ModelBlind = "models:no_images", 422,
        es "Este modelo no ve imágenes. Elige otro en «Ajustar este chat» y reintenta.", en "This model does not see images. Choose another one in “Adjust this chat” and try again.";
    /// No such kept question, or not yours to change.
    PromptNotFound = "prompts:not_found", 404,
        es "Esta plantilla no existe o no es tuya.", en "This prompt does not exist or is not yours.";
    /// A kept question without a name or words, or with too many.
    PromptInvalid = "prompts:invalid", 422,
        es "Una plantilla necesita un nombre de 1 a 40 letras o cifras y un texto de hasta 20 000 caracteres.", en "A prompt needs a name of 1 to 40 letters or digits and a text of at most 20,000 characters.";
    /// Another kept question has the name.
    PromptNameTaken = "prompts:name_taken", 409,
        es "Ya hay una plantilla con ese nombre. Ponle otro.", en "There is a prompt with that name already. Give it another one.";
    /// As many are kept as may be.
    PromptsFull = "prompts:full", 409,
        es "No caben más plantillas: elimina alguna que ya no uses.", en "There is no room for more prompts: delete one that you no longer use.";
    /// No such artifact or version of it, or not yours.
    ArtifactNotFound = "artifacts:not_found", 404,
        es "Este artefacto o esta versión no existe, se eliminó o no es tuyo.", en "This artifact or version does not exist, was deleted, or is not yours.";
    /// Something about an artifact is not right.
    ArtifactInvalid = "artifacts:invalid", 422,
        es "El título, el contenido o los datos del artefacto no son válidos.", en "The title, content or data of the artifact are not valid.";
    /// A save stands on a version that is not the newest any more.
    ArtifactMoved = "artifacts:version_conflict", 409,
        es "Alguien guardó otra versión mientras tanto. Mira la diferencia y guarda de nuevo.", en "Somebody saved another version meanwhile. Look at the difference and save again.";
    /// The content is larger than an artifact may be.
    ArtifactTooLarge = "artifacts:too_large", 413,
        es "Un artefacto tiene como mucho 16 MB. Súbelo como documento.", en "An artifact has at most 16 MB. Upload it as a document.";
    /// No kind of artifact is like this.
    ArtifactUnsupported = "artifacts:unsupported", 415,
        es "Esto no puede ser un artefacto: sirven textos en UTF-8 e imágenes PNG, JPEG, WebP y GIF.", en "This cannot be an artifact: text in UTF-8 and PNG, JPEG, WebP and GIF images can.";
    /// As many are kept as may be.
    ArtifactsFull = "artifacts:full", 409,
        es "No caben más artefactos: elimina alguno que ya no uses.", en "There is no room for more artifacts: delete one that you no longer use.";
    /// The file is no export that can be read.
    ImportInvalid = "chats:import_invalid", 422,
        es "Este archivo no es una exportación de ChatGPT, Open WebUI o Cjhirashi que se pueda leer. No se ha traído nada más de él.", en "This file is no export of ChatGPT, Open WebUI or Cjhirashi that can be read. Nothing more was brought in from it.";
    /// The question is empty.
    MessageEmpty = "messages:empty", 422,
        es "Escribe algo antes de enviar.", en "Write something before you send.";
    /// The question is too long.
    MessageTooLong = "messages:too_long", 422,
        es "El mensaje supera los 100 000 caracteres. Súbelo como documento y pregunta por él.", en "The message is longer than 100,000 characters. Upload it as a document and ask about it.";
    /// Another answer of this chat is being written.
    ChatBusy = "chats:busy", 409,
        es "Aún se está escribiendo la respuesta anterior. Espera o detenla.", en "The answer before is still being written. Wait or stop it.";
    /// As many questions wait in a chat as may.
    QueueFull = "chats:queue_full", 409,
        es "Ya hay 20 preguntas en espera en este chat. Espera a que se responda alguna.", en "20 questions wait in this chat already. Wait until one of them is answered.";
    /// A question that waited was asked or taken out meanwhile.
    AlreadyAsked = "messages:already_asked", 409,
        es "Esta pregunta ya no está en espera: se ha enviado o se ha quitado.", en "This question does not wait any more: it was asked or taken out.";
    /// No such generation, or not yours.
    GenerationNotFound = "generations:not_found", 404,
        es "Esta respuesta no existe o no es tuya.", en "This answer does not exist or is not yours.";
    /// No such document, or not readable.
    DocumentNotFound = "documents:not_found", 404,
        es "Este documento no existe, se eliminó o no es tuyo.", en "This document does not exist, was deleted, or is not yours.";
    /// A field of a document is not right.
    DocumentInvalid = "documents:invalid", 422,
        es "El título, las etiquetas, las claves propias o el tipo del documento no son válidos.", en "The title, tags, own keys or type of the document are not valid.";
    /// The file has no bytes.
    DocumentEmpty = "documents:empty", 422,
        es "El archivo está vacío.", en "The file is empty.";
    /// The file is too large.
    DocumentTooLarge = "documents:too_large", 413,
        es "El archivo supera el límite de 50 MB. Divídelo y sube las partes.", en "The file is larger than the limit of 50 MB. Split it and upload the parts.";
    /// We cannot read this kind of file.
    DocumentUnsupported = "documents:unsupported_type", 415,
        es "No sabemos leer este tipo de archivo. Sube texto, Markdown, HTML, PDF o DOCX.", en "We cannot read this kind of file. Upload text, Markdown, HTML, PDF or DOCX.";
    /// The file is damaged.
    DocumentBroken = "documents:broken_file", 422,
        es "El archivo está dañado y no se puede leer. Ábrelo, guárdalo de nuevo y súbelo otra vez.", en "The file is damaged and cannot be read. Open it, save it again and upload it once more.";
    /// The file needs a password.
    DocumentEncrypted = "documents:encrypted", 422,
        es "El archivo está protegido con contraseña. Sube una copia sin contraseña.", en "The file is protected by a password. Upload a copy without one.";
    /// The file holds pictures of text only.
    DocumentNoText = "documents:no_text", 422,
        es "No contiene texto, quizá solo páginas escaneadas. Pásalo por un OCR y súbelo de nuevo.", en "It holds no text, perhaps only scanned pages. Run it through OCR and upload it again.";
    /// Unpacks to far more than it should.
    DocumentBomb = "documents:too_large_inside", 422,
        es "El archivo se expande a un tamaño desmedido y no se ha leído.", en "The file expands to an unreasonable size and was not read.";
    /// Took too long or too much memory to read.
    DocumentTooSlow = "documents:too_complex", 422,
        es "Leer el archivo lleva demasiado tiempo o memoria. Divídelo y sube las partes.", en "Reading the file takes too much time or memory. Split it and upload the parts.";
    /// Came from the ADR's application, and its text was not taken over yet.
    DocumentAdopted = "documents:adopted", 422,
        es "Viene de la aplicación anterior y su texto aún no está aquí. Quien administra el servidor puede traerlo con «cjhirashi adopt-index»; si allí no está, súbelo de nuevo.", en "It comes from the application before and its text is not here yet. Whoever runs the server can bring it with \"cjhirashi adopt-index\"; if it is not there, upload it again.";
    /// The original file is not in this server's folder.
    DocumentFileMissing = "documents:file_missing", 503,
        es "Este servidor no tiene el archivo original. Si hay varios servidores, deben compartir la carpeta blobs de DATA_DIR.", en "This server does not have the original file. Where there are several servers, they must share the folder blobs of DATA_DIR.";
    /// A person ended the attempts to index it.
    DocumentCancelled = "documents:cancelled", 409,
        es "Se detuvo a petición tuya. Reinténtalo cuando quieras.", en "It was stopped at your request. Try again when you like.";
    /// The vector index cannot be reached.
    IndexUnavailable = "index:unavailable", 503,
        es "El índice vectorial no responde. Las búsquedas siguen sin él, y sus tareas se reintentan solas.", en "The vector index does not answer. Searches go on without it, and its jobs are tried again by themselves.";
    /// The vector index refuses, for a reason that somebody has to mend.
    IndexRefused = "index:refused", 502,
        es "El índice vectorial rechazó la petición. Un administrador debe revisar su configuración.", en "The vector index refused the request. An administrator has to check its configuration.";
    /// This server lacks the settings of an index.
    IndexNotConfigured = "index:not_configured", 422,
        es "Este servidor no está configurado para ese índice. Quien lo administra debe dar sus variables, que están en el README.", en "This server is not configured for that index. Whoever runs it has to set its variables, which are in the README.";
    /// Another index is being built.
    IndexBusy = "index:busy", 409,
        es "Ya se está construyendo otro índice. Espera a que termine o detenlo.", en "Another index is being built. Wait until it is done, or stop it.";
    /// The search has no words or too many.
    QueryInvalid = "search:invalid_query", 422,
        es "La búsqueda debe tener entre 1 y 2000 caracteres.", en "The search must have 1 to 2,000 characters.";
    /// No such model.
    ModelNotFound = "models:not_found", 404,
        es "El proveedor no conoce este modelo. Elige otro en Ajustes.", en "The provider does not know this model. Choose another in the settings.";
    /// A model server cannot be connected as it was entered.
    ModelNotConnected = "models:not_connected", 422,
        es "El servidor no se ha conectado; todo sigue como antes.", en "The server was not connected; everything is as before.";
    /// The provider refused our key.
    ProviderUnauthorized = "models:unauthorized", 502,
        es "El proveedor del modelo no acepta la clave. Revísala en la configuración del servidor.", en "The model's provider refuses the key. Check it in the server's configuration.";
    /// The provider is limiting us.
    ProviderRateLimited = "models:rate_limited", 503,
        es "El proveedor del modelo pide esperar (límite de uso). Reinténtalo en un minuto.", en "The model's provider asks to wait (rate limit). Try again in a minute.";
    /// The provider cannot be reached.
    ProviderUnavailable = "models:unavailable", 502,
        es "El proveedor del modelo no responde. Reinténtalo, o elige otro modelo en Ajustes.", en "The model's provider does not answer. Try again, or choose another model in the settings.";
    /// The provider's stream ended before the answer did.
    ProviderBrokeOff = "models:broke_off", 502,
        es "La conexión con el proveedor del modelo se cortó a mitad de la respuesta. Lo escrito hasta ahí se conserva; puedes reintentarlo.", en "The connection to the model's provider broke off in the middle of the answer. What was written is kept; you can try again.";
    /// The provider refused the request itself.
    ProviderRefused = "models:refused", 502,
        es "El proveedor del modelo rechazó la petición.", en "The model's provider refused the request.";
    /// The conversation does not fit into the model.
    ContextTooLong = "models:context_too_long", 502,
        es "La conversación ya no cabe en este modelo. Empieza un chat nuevo o elige un modelo con más contexto.", en "The conversation no longer fits into this model. Start a new chat or choose a model with more context.";
    /// The limit of tokens was used up by thinking.
    TokensUsedUp = "models:tokens_used_up", 502,
        es "El modelo gastó el límite de tokens antes de la primera palabra. Súbelo en Ajustes y reinténtalo.", en "The model used up the limit of tokens before its first word. Raise it in the settings and try again.";
    /// The answer reached the limit of tokens.
    AnswerCut = "generations:cut", 502,
        es "La respuesta se cortó al llegar al límite de tokens. Escribe «continúa» para que siga, o sube el límite en Ajustes.", en "The answer was cut at the limit of tokens. Write “continue” to let it go on, or raise the limit in the settings.";
    /// The embedding model cannot be used.
    EmbeddingUnavailable = "models:embedding_unavailable", 503,
        es "El modelo de búsqueda no está disponible. Se reintentará solo.", en "The search model is not available. It will be tried again by itself.";
    /// The process died while it worked.
    Interrupted = "generations:interrupted", 503,
        es "El servidor se reinició antes de terminar. Lo que hubiera escrito está guardado; vuelve a intentarlo.", en "The server restarted before it was done. Whatever it had written is saved; try again.";
    /// A setting is not one of its values.
    SettingInvalid = "settings:invalid", 422,
        es "Este valor no es válido para el ajuste.", en "This value is not valid for the setting.";
    /// The key's name is empty or too long, or its scope or time is none.
    KeyInvalid = "keys:invalid_name", 422,
        es "El nombre de la clave debe tener entre 1 y 100 caracteres.", en "The key's name must have 1 to 100 characters.";
    /// An address is not one.
    AddressInvalid = "users:invalid_address", 422,
        es "Escribe una dirección de correo como nombre@example.org.", en "Write an e-mail address such as name@example.org.";
    /// No such key.
    KeyNotFound = "keys:not_found", 404,
        es "Esta clave no existe.", en "This key does not exist.";
    /// No such person.
    UserNotFound = "users:not_found", 404,
        es "Esta persona no existe.", en "This person does not exist.";
}

impl ErrorCode {
    /// Reads the stable text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_of_an_error_and_words_in_both_languages() {
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            for language in [Language::Es, Language::En] {
                assert!(code.message(language).ends_with('.'), "{code:?}");
            }
        }
    }
}
