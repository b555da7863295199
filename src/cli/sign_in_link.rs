//! `cjhirashi sign-in-link`.

use anyhow::{Context as _, ensure};
use cjhirashi_domain::user::Email;

use super::{SignInLink, with_instance};
use crate::{config::Config, lifecycle};

pub(super) async fn run(config: Config, args: SignInLink) -> anyhow::Result<()> {
    let email = Email::parse(&args.email).context("--email")?;
    // The link leads to the server, whose port is not known here when the system chose it.
    ensure!(
        !config.app_url.ends_with(":0"),
        "LISTEN has port 0, so the server's address is not known; set APP_URL, or use the link that the server printed"
    );
    let link = with_instance(&config, async |store| {
        if email.as_str() == Email::LOCAL_OWNER {
            let there = store.find_user_by_email(Email::LOCAL_OWNER).await?.is_some();
            ensure!(there || !store.has_owner().await?, "this server has an owner; say whose link it is with --email");
            return Ok(lifecycle::owner_link(store, &config).await?);
        }
        let user = store.find_user_by_email(email.as_str()).await?;
        let user = user.with_context(|| format!("nobody has the address {}", email.as_str()))?;
        Ok(lifecycle::sign_in_link(store, &config, &user.id).await?)
    })
    .await?;
    super::print(&link);
    Ok(())
}
