//! GitHub: OAuth without OpenID Connect. Who it is says its API.

use oauth2::AuthType;
use serde::Deserialize;

use crate::{Endpoints, GITHUB, IdentityError, Profile, http::Http};

pub(crate) struct GitHub {
    base: String,
    api: String,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(crate) fn new(base: &str) -> Self {
        let api = match base {
            GITHUB => "https://api.github.com".to_owned(),
            // A server of one's own has it below.
            base => format!("{base}/api/v3"),
        };
        Self { base: base.to_owned(), api }
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints {
            authorize: format!("{}/login/oauth/authorize", self.base),
            token: format!("{}/login/oauth/access_token", self.base),
            auth_type: AuthType::RequestBody,
        }
    }

    /// The person, with the address that they receive mail at.
    pub(crate) async fn profile(&self, http: &Http, access: &str) -> Result<Profile, IdentityError> {
        let (user, addresses) = (format!("{}/user", self.api), format!("{}/user/emails", self.api));
        let user: User = http.json_as(&user, access).await?;
        let addresses: Vec<Address> = http.json_as(&addresses, access).await?;
        let primary = addresses.into_iter().find(|address| address.primary);
        Ok(Profile {
            subject: user.id.to_string(),
            email_verified: primary.as_ref().is_some_and(|address| address.verified),
            email: primary.map(|address| address.email),
            name: user.name.filter(|name| !name.trim().is_empty()).or(Some(user.login)),
            picture: user.avatar_url,
        })
    }
}
