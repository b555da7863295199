//! Artifacts: their pages, and what is done with one as a whole. What their editors save goes to plain addresses.

use leptos::server;

use super::{Failure, conversation::Acted};

/// Where they are kept.
pub(crate) const ARTIFACTS: &str = "/artifacts";

/// Makes an empty artifact of a kind.
#[server(prefix = "/fn", endpoint = "new_artifact")]
pub(crate) async fn new_artifact(title: String, kind: String) -> Result<Acted, Failure> {
    use super::server::{forward, services, signed_in};
    use cjhirashi_chat::Draft;
    let (who, services) = (signed_in()?, services()?);
    let blank = cjhirashi_artifacts::kind(&kind).map_or("", |kind| kind.blank());
    let draft = Draft { kind: Some(kind), title, content: blank.as_bytes().to_owned(), ..Draft::default() };
    let id = services.artifacts.create(&who.viewer(), draft, who.settings.language).await?;
    let address = format!("{ARTIFACTS}/{id}?edit=1");
    forward(&address);
    Ok(Acted { go: Some(address), ..Acted::default() })
}

/// Makes an artifact of an answer or question: of the whole, or of the code or table of that number in it.
#[server(prefix = "/fn", endpoint = "make_artifact")]
pub(crate) async fn make_artifact(message: String, #[server(default)] part: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_chat::{Draft, parts_of};
    use cjhirashi_domain::{ErrorCode, id::MessageId};
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let message = MessageId::parse(message).map_err(|_| fail(ErrorCode::ChatNotFound))?;
    let (_, found) =
        services.store.open_message(&viewer, &message).await?.ok_or_else(|| fail(ErrorCode::ChatNotFound))?;
    let parts = parts_of(&found.content, who.settings.language);
    let number: usize = part.parse().unwrap_or_default();
    let part = parts.into_iter().nth(number).ok_or_else(|| fail(ErrorCode::ArtifactInvalid))?;
    let draft = Draft {
        kind: Some(part.kind.to_owned()),
        title: part.title,
        content: part.text.into_bytes(),
        language: part.language,
        message: Some(message),
        ..Draft::default()
    };
    let id = services.artifacts.create(&viewer, draft, who.settings.language).await?;
    let address = format!("{ARTIFACTS}/{id}");
    forward(&address);
    Ok(Acted { go: Some(address), ..Acted::default() })
}

/// Deletes an artifact with all its versions.
#[server(prefix = "/fn", endpoint = "delete_artifact")]
pub(crate) async fn delete_artifact(id: String) -> Result<Acted, Failure> {
    use super::server::{forward, services, signed_in};
    let (who, services) = (signed_in()?, services()?);
    services.artifacts.delete(&who.viewer(), &server_side::id(id)?).await?;
    forward(&format!("{ARTIFACTS}?done=deleted"));
    Ok(Acted { go: Some(ARTIFACTS.to_owned()), ..Acted::default() })
}

/// Gives an artifact these labels, separated by commas.
#[server(prefix = "/fn", endpoint = "label_artifact")]
pub(crate) async fn label_artifact(id: String, #[server(default)] tags: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::id(id)?;
    let tags = super::library::labels(&tags);
    if !services.store.label_artifact(&who.viewer(), &id, &tags).await? {
        return Err(fail(ErrorCode::ArtifactNotFound));
    }
    forward(&format!("{ARTIFACTS}/{id}?done=saved"));
    Ok(Acted::default())
}

/// Lets a link lead to the newest version.
#[server(prefix = "/fn", endpoint = "share_artifact")]
pub(crate) async fn share_artifact(id: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::id(id)?;
    services.store.share_artifact(&who.viewer(), &id).await?.ok_or_else(|| fail(ErrorCode::ArtifactNotFound))?;
    forward(&format!("{ARTIFACTS}/{id}?done=shared"));
    Ok(Acted::default())
}

/// Takes the link back.
#[server(prefix = "/fn", endpoint = "unshare_artifact")]
pub(crate) async fn unshare_artifact(id: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let id = server_side::id(id)?;
    if !services.store.unshare_artifact(&who.viewer(), &id).await? {
        return Err(fail(ErrorCode::ArtifactNotFound));
    }
    forward(&format!("{ARTIFACTS}/{id}?done=unshared"));
    Ok(Acted::default())
}

/// Puts the newest text into one's own documents, where it is searched for answers.
#[server(prefix = "/fn", endpoint = "keep_as_document")]
pub(crate) async fn keep_as_document(id: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, access::Visibility};
    let (who, services) = (signed_in()?, services()?);
    let viewer = who.viewer();
    let opened = services.artifacts.open(&viewer, &server_side::id(id)?, None).await?;
    if opened.file.is_some() || opened.text.trim().is_empty() {
        return Err(fail(ErrorCode::DocumentEmpty));
    }
    let text = server_side::as_document(opened, Visibility::Private(viewer.user_id.clone()));
    let document = services.documents.add_text(&viewer, text).await?;
    let address = format!("/documents/{}", document.id);
    forward(&address);
    Ok(Acted { go: Some(address), ..Acted::default() })
}

#[cfg(feature = "ssr")]
pub(super) use server_side::{one, page};

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_artifacts::kind;
    use cjhirashi_chat::Opened;
    use cjhirashi_domain::{
        ErrorCode,
        access::Visibility,
        artifact::ArtifactsWanted,
        document::Source,
        id::{ArtifactId, ChatId},
    };

    use cjhirashi_sync::NewText;

    use super::Failure;
    use crate::{
        api::{
            library::day,
            served::ServedPage,
            server::{Asked, fail, services, signed_in, texts, words},
        },
        served::{self, Shelf},
    };

    /// Artifacts on one page.
    const PAGE: i64 = 50;

    pub(super) fn id(text: String) -> Result<ArtifactId, Failure> {
        ArtifactId::parse(text).map_err(|_| fail(ErrorCode::ArtifactNotFound))
    }

    /// The text of an artifact as a document: what reads best of it.
    pub(super) fn as_document(opened: Opened, visibility: Visibility) -> NewText {
        // Documents are read as one of these.
        let mime_type = match opened.kind.source().media_type {
            known @ ("text/markdown" | "text/html") => known,
            _ => "text/plain",
        };
        NewText {
            title: opened.stored.title,
            content: opened.text,
            mime_type: Some(mime_type.to_owned()),
            tags: opened.stored.artifact.tags,
            source_url: None,
            visibility,
            source: Source::Upload,
            metadata: None,
        }
    }

    /// `/artifacts`.
    pub(crate) async fn page(query: &Asked) -> Result<ServedPage, Failure> {
        let (who, services) = (signed_in()?, services()?);
        let viewer = who.viewer();
        let typed: String = query.get("q").unwrap_or_default().chars().take(500).collect();
        let filled = |name: &str| query.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let wanted = ArtifactsWanted {
            words: typed.clone(),
            kind: filled("kind").filter(|name| kind(name).is_some()),
            tag: filled("tag"),
            chat: filled("chat").and_then(|id| ChatId::parse(id).ok()),
            after: filled("after").and_then(|text| day(&text)),
            before: filled("before").and_then(|text| day(&text)),
        };
        let page = query.page();
        let ((found, total), tags) = (
            services.store.list_artifacts(&viewer, &wanted, i64::from(page - 1) * PAGE, PAGE).await?,
            services.store.list_artifact_tags(&viewer).await?,
        );
        let (t, w) = (texts(&who), words(&who));
        let shelf = Shelf {
            typed,
            after: filled("after").unwrap_or_default(),
            before: filled("before").unwrap_or_default(),
            chat_title: found.first().and_then(|listed| listed.artifact.chat_title.clone()),
            wanted,
            found,
            total,
            page,
            pages: u32::try_from((total + PAGE - 1) / PAGE).unwrap_or(u32::MAX).max(1),
            tags,
            done: (query.get("done") == Some("deleted")).then_some(w.artifact_deleted),
            now: services.store.now(),
        };
        Ok(ServedPage { title: t.artifacts.to_owned(), html: served::artifacts(t, shelf), moves: false })
    }

    /// So many versions are listed where there is no script.
    const VERSIONS: i64 = 50;

    /// `/artifacts/{id}`.
    pub(crate) async fn one(path: &str, query: &Asked) -> Result<ServedPage, Failure> {
        let (who, services) = (signed_in()?, services()?);
        let viewer = who.viewer();
        let id = id(path.to_owned())?;
        let version = query.get("version").and_then(|version| version.parse().ok());
        let opened = services.artifacts.open(&viewer, &id, version).await?;
        let (link, versions) = futures::try_join!(
            services.store.artifact_share(&viewer, &id),
            services.store.list_artifact_versions(&viewer, &id, VERSIONS),
        )?;
        let link = link.map(|share| format!("{}/share/artifact/{}", services.instance.app_url, share.token));
        let (t, w) = (texts(&who), words(&who));
        let now = services.store.now();
        let done = match query.get("done") {
            Some("saved") => Some(t.saved),
            Some("shared") => Some(w.artifact_shared),
            Some("unshared") => Some(w.unshared_now),
            _ => None,
        };
        let title = opened.stored.title.clone();
        let html =
            cjhirashi_markdown::aside(move || served::artifact_page(t, &opened, &versions, link, done, now)).await;
        Ok(ServedPage { title, html, moves: false })
    }
}
