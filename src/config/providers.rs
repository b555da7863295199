//! Where people may sign in.

use cjhirashi_identity::{GITHUB, Kind, ProviderConfig};
use cjhirashi_models::Secret;

use super::{ConfigError, invalid, parse_url};

const GOOGLE: &str = "https://accounts.google.com";

type Get<'a> = &'a dyn Fn(&str) -> Result<Option<String>, ConfigError>;

/// Those whose variables are set, in the order in which they are shown.
pub(super) fn read(get: Get<'_>) -> Result<Vec<ProviderConfig>, ConfigError> {
    let mut providers = Vec::new();
    if let Some((client_id, client_secret)) = client(get, "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")? {
        let kind = Kind::Oidc { issuer: GOOGLE.to_owned() };
        providers.push(ProviderConfig { id: "google", name: "Google".to_owned(), kind, client_id, client_secret });
    }
    let github = get("GITHUB_URL")?.map(|url| parse_url("GITHUB_URL", &url)).transpose()?;
    if let Some((client_id, client_secret)) = client(get, "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")? {
        let kind = Kind::GitHub { base: github.unwrap_or_else(|| GITHUB.to_owned()) };
        providers.push(ProviderConfig { id: "github", name: "GitHub".to_owned(), kind, client_id, client_secret });
    }
    // An issuer's name may end with a slash, and then does so everywhere.
    let issuer = get("OIDC_ISSUER")?.map(|url| parse_url("OIDC_ISSUER", &url).map(|_| url)).transpose()?;
    let name = get("OIDC_NAME")?;
    match (client(get, "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")?, issuer) {
        (Some((client_id, client_secret)), Some(issuer)) => {
            let host = issuer.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next()).unwrap_or("OpenID");
            let name = name.unwrap_or_else(|| host.to_owned()).chars().take(60).collect();
            providers.push(ProviderConfig { id: "oidc", name, kind: Kind::Oidc { issuer }, client_id, client_secret });
        }
        (Some(_), None) => {
            return Err(invalid("OIDC_ISSUER", "is not set, and OIDC_CLIENT_ID is; write the issuer's address"));
        }
        (None, Some(_)) => {
            return Err(invalid("OIDC_CLIENT_ID", "is not set, and OIDC_ISSUER is; write what the issuer gave you"));
        }
        (None, None) => {}
    }
    Ok(providers)
}

/// What a provider knows us by: both or neither.
fn client(get: Get<'_>, id: &str, secret: &str) -> Result<Option<(String, Secret)>, ConfigError> {
    match (get(id)?, get(secret)?) {
        (Some(client), Some(key)) => Ok(Some((client, Secret::from(key)))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(invalid(secret, format!("is not set, and {id} is; the provider gives both"))),
        (None, Some(_)) => Err(invalid(id, format!("is not set, and {secret} is; the provider gives both"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Result<Vec<(&'static str, String)>, String> {
        let get = |name: &str| Ok(pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()));
        let providers = read(&get).map_err(|error| error.to_string())?;
        Ok(providers.into_iter().map(|provider| (provider.id, provider.name)).collect())
    }

    #[test]
    fn a_provider_is_on_when_all_it_needs_is_set() {
        assert_eq!(told(&[]), Ok(Vec::new()));
        let all = [
            ("OIDC_ISSUER", "https://id.example.org/realm/"),
            ("OIDC_CLIENT_ID", "a"),
            ("OIDC_CLIENT_SECRET", "b"),
            ("GITHUB_CLIENT_ID", "c"),
            ("GITHUB_CLIENT_SECRET", "d"),
            ("GOOGLE_CLIENT_ID", "e"),
            ("GOOGLE_CLIENT_SECRET", "f"),
        ];
        let names = [("google", "Google"), ("github", "GitHub"), ("oidc", "id.example.org")];
        assert_eq!(told(&all), Ok(names.map(|(id, name)| (id, name.to_owned())).to_vec()));
        let named = [&all[..3], &[("OIDC_NAME", "Casa")]].concat();
        assert_eq!(told(&named), Ok(vec![("oidc", "Casa".to_owned())]));
    }

    #[test]
    fn half_a_provider_is_refused_with_what_is_missing() {
        for (set, missing) in [
            ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"),
            ("GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID"),
            ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"),
        ] {
            assert!(told(&[(set, "x")]).unwrap_err().starts_with(missing), "{set}");
        }
        assert!(told(&[("OIDC_ISSUER", "https://id.example.org")]).unwrap_err().starts_with("OIDC_CLIENT_ID"));
        assert!(told(&[("OIDC_ISSUER", "id.example.org")]).unwrap_err().starts_with("OIDC_ISSUER"));
        let client = [("OIDC_CLIENT_ID", "a"), ("OIDC_CLIENT_SECRET", "b")];
        assert!(told(&client).unwrap_err().starts_with("OIDC_ISSUER"));
    }
}
