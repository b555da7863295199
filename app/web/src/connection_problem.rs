//! Why a model server could not be connected: what was tried, what came back, and what to do, in a person's language.
//! The server's own words are quoted as they are.

use cjhirashi_domain::settings::Language;
use cjhirashi_models::{ModelError, Outage, some_of};

use crate::texts::Texts;

/// What to tell whoever entered this address.
pub(crate) fn explain(error: &ModelError, address: &str, language: Language) -> String {
    let say = |es: &str, en: &str| if language == Language::Es { es } else { en }.to_owned();
    if let ModelError::InvalidSetting { .. } = error {
        return say(
            &format!("«{address}» no es una dirección completa. Escríbela así: https://api.example.com/v1"),
            &format!("“{address}” is no complete address. Write it like this: https://api.example.com/v1"),
        );
    }
    let tried = say(&format!("Se preguntó a {address}/models."), &format!("{address}/models was asked."));
    let came_back = came_back(error, language);
    let said = error.said().map(|words| format!("{} ", Texts::of(language).server_says(words))).unwrap_or_default();
    let to_do = to_do(error, address, language);
    format!("{tried} {came_back} {said}{to_do}")
}

fn came_back(error: &ModelError, language: Language) -> String {
    let say = |es: &str, en: &str| if language == Language::Es { es } else { en }.to_owned();
    match error {
        ModelError::ModelNotChosen { models } if models.is_empty() => {
            say("Contesta, pero no enumera ningún modelo que converse.", "It answers, but lists no model that chats.")
        }
        ModelError::ModelNotChosen { .. } => {
            say("Contesta, y tiene varios modelos.", "It answers, and has several models.")
        }
        ModelError::UnknownModel { .. } => say(
            "Ahí hay un servidor, pero no esta API: contesta 404.",
            "There is a server, but not this API: it answers 404.",
        ),
        ModelError::UnexpectedAnswer { .. } => say(
            "Contesta, pero no con una lista de modelos: quizá es una página web.",
            "It answers, but not with a list of models: perhaps it is a web page.",
        ),
        ModelError::Unauthorized { .. } => say("El servidor no acepta la clave.", "The server refuses the key."),
        ModelError::RateLimited { .. } => {
            say("El servidor pide esperar (límite de uso).", "The server asks to wait (rate limit).")
        }
        ModelError::Refused { status: status @ 300..400, .. } => say(
            &format!("El servidor remite a otra dirección ({status})."),
            &format!("The server points to another address ({status})."),
        ),
        ModelError::Refused { status, .. } => say(
            &format!("El servidor rechazó la petición ({status})."),
            &format!("The server refused the request ({status})."),
        ),
        other => match outage(other) {
            Outage::UnknownHost => say("No hay ningún equipo con ese nombre.", "No machine has this name."),
            Outage::NoConnection => {
                say("Nadie contesta en ese equipo y puerto.", "Nothing listens on that machine and port.")
            }
            Outage::Encryption => {
                say("La conexión cifrada no se pudo establecer.", "The encrypted connection could not be made.")
            }
            Outage::Silence => say("No contestó a tiempo.", "It did not answer in time."),
            Outage::Status(status) => say(
                &format!("El servidor contesta que tiene un problema ({status})."),
                &format!("The server answers that it has a problem ({status})."),
            ),
            Outage::Other => say("La conexión se interrumpió.", "The connection broke."),
        },
    }
}

fn to_do(error: &ModelError, address: &str, language: Language) -> String {
    let say = |es: &str, en: &str| if language == Language::Es { es } else { en }.to_owned();
    match error {
        ModelError::ModelNotChosen { models } if models.is_empty() => {
            say("Escribe el nombre de uno.", "Write the name of one.")
        }
        ModelError::ModelNotChosen { models } => {
            let named = some_of(models);
            say(&format!("Escribe el nombre de uno: {named}"), &format!("Write the name of one: {named}"))
        }
        ModelError::Unauthorized { .. } => say(
            "Revisa la clave; si la dejaste vacía, este servidor pide una.",
            "Check the key; if you left it empty, this server asks for one.",
        ),
        ModelError::RateLimited { .. } => say("Reinténtalo en un minuto.", "Try again in a minute."),
        ModelError::Refused { status: 300..400, .. } => say(
            "Escribe la dirección final; suele empezar por https://.",
            "Write the final address; it mostly begins with https://.",
        ),
        ModelError::UnknownModel { .. } | ModelError::UnexpectedAnswer { .. } | ModelError::Refused { .. } => {
            path_hint(address, language)
        }
        other => match outage(other) {
            Outage::UnknownHost => say(
                "Revisa el nombre: quizá sobra o falta una letra.",
                "Check the name: perhaps a letter is missing or one too many.",
            ),
            Outage::NoConnection => say(
                "Comprueba que el servidor del modelo está en marcha y que el puerto es el suyo.",
                "Check that the model server runs, and that the port is its own.",
            ),
            Outage::Encryption => say(
                "Si el servidor no usa cifrado, escribe http:// en lugar de https://; si lo usa, revisa su certificado.",
                "If the server uses no encryption, write http:// instead of https://; if it does, check its certificate.",
            ),
            Outage::Silence => say(
                "Comprueba que está en marcha y que este equipo llega a él: puede haber un cortafuegos en medio.",
                "Check that it runs and that this machine reaches it: there may be a firewall between.",
            ),
            Outage::Status(_) => {
                say("Mira su registro, o reinténtalo más tarde.", "Look at its log, or try again later.")
            }
            Outage::Other => say(
                "Comprueba la dirección; el registro de este servidor dice más.",
                "Check the address; this server's log says more.",
            ),
        },
    }
}

const fn outage(error: &ModelError) -> Outage {
    if let ModelError::Unavailable { cause, .. } = error { *cause } else { Outage::Other }
}

/// Addresses without the version at their end are what goes wrong most.
fn path_hint(address: &str, language: Language) -> String {
    let last = address.rsplit('/').next().unwrap_or_default();
    let versioned = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match (versioned, language) {
        (true, Language::Es) => "Comprueba el camino de la dirección en la documentación del servidor.".to_owned(),
        (true, Language::En) => "Check the address's path in the server's documentation.".to_owned(),
        (false, Language::Es) => format!("La dirección suele acabar en /v1: prueba {address}/v1"),
        (false, Language::En) => format!("The address mostly ends in /v1: try {address}/v1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "http://127.0.0.1:9999";

    fn unavailable(cause: Outage, detail: &str) -> ModelError {
        ModelError::Unavailable { provider: "x".to_owned(), cause, detail: detail.to_owned() }
    }

    #[test]
    fn it_says_what_was_tried_what_came_back_and_what_to_do() {
        let error = unavailable(Outage::NoConnection, "no connection to it");
        assert_eq!(
            explain(&error, ADDRESS, Language::Es),
            "Se preguntó a http://127.0.0.1:9999/models. Nadie contesta en ese equipo y puerto. Comprueba que el \
             servidor del modelo está en marcha y que el puerto es el suyo."
        );
        let error = ModelError::UnknownModel { model: String::new(), detail: Some("Not Found".to_owned()) };
        assert_eq!(
            explain(&error, ADDRESS, Language::En),
            "http://127.0.0.1:9999/models was asked. There is a server, but not this API: it answers 404. The server \
             says: “Not Found”. The address mostly ends in /v1: try http://127.0.0.1:9999/v1"
        );
    }

    #[test]
    fn only_the_servers_own_words_are_in_another_language_and_they_are_quoted() {
        let detail = "some English words";
        let said = |error: &ModelError| explain(error, ADDRESS, Language::Es);
        for cause in [Outage::UnknownHost, Outage::NoConnection, Outage::Encryption, Outage::Silence, Outage::Other] {
            assert!(!said(&unavailable(cause, detail)).contains(detail), "{cause:?}");
        }
        for error in [
            unavailable(Outage::Status(503), detail),
            ModelError::Unauthorized { provider: "x".to_owned(), detail: detail.to_owned() },
            ModelError::Refused { provider: "x".to_owned(), status: 400, detail: detail.to_owned() },
        ] {
            assert!(said(&error).contains("El servidor dice: «some English words»."), "{error:?}");
        }
    }

    #[test]
    fn an_address_with_its_version_gets_no_hint_to_add_it() {
        let error = ModelError::UnexpectedAnswer { provider: "x".to_owned(), detail: "no list".to_owned() };
        for address in ["https://a.example/v1", "https://a.example/v1beta"] {
            assert!(!explain(&error, address, Language::Es).contains("suele acabar"), "{address}");
        }
        assert!(explain(&error, "https://a.example", Language::Es).ends_with("prueba https://a.example/v1"));
    }

    #[test]
    fn models_to_choose_from_are_named() {
        let models: Vec<String> = (0..30).map(|n| format!("m{n}")).collect();
        let words = explain(&ModelError::ModelNotChosen { models }, ADDRESS, Language::En);
        assert!(words.contains("m0, m1, ") && words.ends_with("m19, …"), "{words}");
    }
}
