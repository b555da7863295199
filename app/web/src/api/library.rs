//! Chats kept in order: the library's page, folders, labels, pins, the archive.

use leptos::server;

use super::{Failure, conversation::Acted};

/// Where the library is.
pub(crate) const CHATS: &str = "/chats";

/// Does something with chats, or `nothing`: `pin`, `unpin`, `archive`, `unarchive`, `move` into `folder` (by name; empty: out of all),
/// `label`, `relabel`, or `delete`. `every` names more chats, separated by commas: a page's one box for all of them.
#[server(prefix = "/fn", endpoint = "arrange_chats")]
pub(crate) async fn arrange_chats(
    #[server(default)] ids: Vec<String>,
    #[server(default)] every: String,
    what: String,
    #[server(default)] folder: String,
    #[server(default)] tags: String,
) -> Result<Acted, Failure> {
    use super::server::{fail, forward_back, forward_back_told, services, signed_in, texts, words};
    use cjhirashi_domain::{ErrorCode, id::ChatId};
    use cjhirashi_storage::Arrange;
    let (who, services) = (signed_in()?, services()?);
    let ids = ids.iter().map(String::as_str).chain(every.split(','));
    let ids: Vec<ChatId> = ids.take(1_000).filter_map(|id| ChatId::parse(id).ok()).collect();
    let asked = what;
    let what = match asked.as_str() {
        "pin" => Arrange::Pin(true),
        "unpin" => Arrange::Pin(false),
        "archive" => Arrange::Archive(true),
        "unarchive" => Arrange::Archive(false),
        "move" => match server_side::name(&folder) {
            None => Arrange::Move(None),
            Some(name) => Arrange::Move(Some(services.store.create_folder(&who.user.id, &name).await?)),
        },
        "label" if !server_side::tags(&tags).is_empty() => Arrange::Label(server_side::tags(&tags)),
        "relabel" => Arrange::Relabel(server_side::tags(&tags)),
        "delete" => Arrange::Delete,
        "nothing" | "label" => {
            forward_back();
            return Ok(Acted::default());
        }
        _ => return Err(fail(ErrorCode::InvalidRequest)),
    };
    let done = services.store.arrange_chats(&who.viewer(), &ids, &what).await?;
    if done == 0 && !ids.is_empty() {
        return Err(fail(ErrorCode::ChatNotFound));
    }
    forward_back_told(Some((&asked, done)));
    let say = words(&who).arranged(texts(&who), &asked, i64::try_from(done).unwrap_or(i64::MAX));
    Ok(Acted { say, ..Acted::default() })
}

/// Makes a folder.
#[server(prefix = "/fn", endpoint = "create_folder")]
pub(crate) async fn create_folder(name: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::ErrorCode;
    let (who, services) = (signed_in()?, services()?);
    let name = server_side::name(&name).ok_or_else(|| fail(ErrorCode::FolderInvalid))?;
    let folder = services.store.create_folder(&who.user.id, &name).await?;
    let address = format!("{CHATS}?folder={folder}");
    forward(&address);
    Ok(Acted { go: Some(address), ..Acted::default() })
}

/// Changes a folder: its name, what its chats tell the model, and which documents they search.
#[server(prefix = "/fn", endpoint = "save_folder")]
pub(crate) async fn save_folder(
    id: String,
    name: String,
    #[server(default)] instructions: String,
    #[server(default)] document_tags: String,
) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, chat::Folder, id::FolderId};
    use cjhirashi_storage::FolderChange;
    use cjhirashi_sync::parse_tags;
    let (who, services) = (signed_in()?, services()?);
    let id = FolderId::parse(id).map_err(|_| fail(ErrorCode::FolderNotFound))?;
    let name = server_side::name(&name).ok_or_else(|| fail(ErrorCode::FolderInvalid))?;
    let instructions: String = instructions.chars().filter(|c| !c.is_control() || *c == '\n').take(8_000).collect();
    // As the documents themselves carry them: theirs keep their capitals.
    let document_tags: Vec<String> = document_tags.split(',').map(str::to_owned).collect();
    let document_tags = parse_tags(&document_tags)?;
    let folder = Folder { id: id.clone(), name, instructions, document_tags, chats: 0 };
    match services.store.change_folder(&who.user.id, &folder).await? {
        FolderChange::Done => {}
        FolderChange::NameTaken => return Err(fail(ErrorCode::FolderInvalid)),
        FolderChange::NotFound => return Err(fail(ErrorCode::FolderNotFound)),
    }
    forward(&format!("{CHATS}?folder={id}&saved=1"));
    Ok(Acted::default())
}

/// Removes a folder; its chats stay.
#[server(prefix = "/fn", endpoint = "delete_folder")]
pub(crate) async fn delete_folder(id: String) -> Result<Acted, Failure> {
    use super::server::{fail, forward, services, signed_in};
    use cjhirashi_domain::{ErrorCode, id::FolderId};
    let (who, services) = (signed_in()?, services()?);
    let id = FolderId::parse(id).map_err(|_| fail(ErrorCode::FolderNotFound))?;
    if !services.store.delete_folder(&who.user.id, &id).await? {
        return Err(fail(ErrorCode::FolderNotFound));
    }
    forward(CHATS);
    Ok(Acted { go: Some(CHATS.to_owned()), ..Acted::default() })
}

#[cfg(feature = "ssr")]
pub(crate) use server_side::{day, page, tags as labels};

#[cfg(feature = "ssr")]
mod server_side {
    use cjhirashi_domain::{
        Timestamp,
        chat::{Folder, Wanted},
        id::FolderId,
    };
    use cjhirashi_storage::LibraryPage;
    use time::macros::format_description;

    use super::Failure;
    use crate::{
        api::{
            served::ServedPage,
            server::{Asked, services, signed_in, texts, words},
        },
        served,
    };

    /// Chats on one page.
    pub(super) const PAGE: i64 = 50;

    /// A folder's name.
    pub(super) fn name(text: &str) -> Option<String> {
        let name: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// Labels, separated by commas; at most 20 of 40 characters.
    pub(crate) fn tags(text: &str) -> Vec<String> {
        let mut tags: Vec<String> = Vec::new();
        for tag in text.split(',') {
            let tag: String = tag.chars().filter(|c| !c.is_control()).take(40).collect();
            let tag = tag.trim().trim_start_matches('#').to_lowercase();
            if !tag.is_empty() && !tags.contains(&tag) && tags.len() < 20 {
                tags.push(tag);
            }
        }
        tags
    }

    /// What somebody typed: words, and filters among them (`in:`, `tag:`, `before:`, `after:`), each with its value or
    /// with one in quotation marks. With it the filter that could not be understood, if there is one.
    pub(crate) fn read(text: &str, folders: &[Folder]) -> (Wanted, Option<String>) {
        let mut wanted = Wanted::default();
        let (mut words, mut misread) = (Vec::new(), None);
        let text: String = text.chars().filter(|c| !c.is_control()).take(400).collect();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let filter = ["in:", "en:", "carpeta:", "tag:", "etiqueta:", "before:", "antes:", "after:", "desde:"]
                .into_iter()
                .find_map(|name| rest.strip_prefix(name).map(|value| (name, value)));
            let (from, quoted) = filter.map_or((rest, false), |(_, value)| (value, value.starts_with('"')));
            let (value, after) = if quoted {
                from[1..].split_once('"').unwrap_or((&from[1..], ""))
            } else {
                from.split_once(char::is_whitespace).unwrap_or((from, ""))
            };
            match filter {
                Some(("in:" | "en:" | "carpeta:", _)) => {
                    let named = folders.iter().find(|folder| folder.name.to_lowercase() == value.to_lowercase());
                    // A folder that is not there has no chats.
                    wanted.folder = named.map(|folder| folder.id.clone()).or_else(|| FolderId::parse("none").ok());
                }
                Some(("tag:" | "etiqueta:", _)) if !tags(value).is_empty() => wanted.tag = tags(value).pop(),
                Some(("before:" | "antes:", _)) if day(value).is_some() => wanted.before = day(value),
                Some(("after:" | "desde:", _)) if day(value).is_some() => wanted.after = day(value),
                Some((name, _)) => misread = Some(format!("{name}{value}")),
                None => words.push(value),
            }
            rest = after.trim_start();
        }
        wanted.words = words.join(" ");
        (wanted, misread)
    }

    /// The beginning of a day in UTC, `2026-11-30`.
    pub(crate) fn day(text: &str) -> Option<Timestamp> {
        let day = time::Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        Some(Timestamp(day.midnight().assume_utc().unix_timestamp() * 1_000))
    }

    /// `/chats`.
    pub(crate) async fn page(query: &Asked) -> Result<ServedPage, Failure> {
        let (who, services) = (signed_in()?, services()?);
        let user = &who.user.id;
        let store = &services.store;
        let (folders, tags) = futures::future::try_join(store.list_folders(user), store.list_chat_tags(user)).await?;
        let typed = query.get("q").unwrap_or_default().to_owned();
        let (mut wanted, misread) = read(&typed, &folders);
        if let Some(id) = query.get("folder").and_then(|id| FolderId::parse(id).ok()) {
            wanted.folder = Some(id);
        }
        if let Some(tag) = query.get("tag").filter(|tag| !tag.is_empty()) {
            wanted.tag = Some(tag.chars().take(40).collect());
        }
        wanted.archived = query.get("archived") == Some("1");
        let mut number = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_i64).clamp(1, 10_000);
        // What was not understood finds nothing, instead of more than was wanted.
        let find = async |number: i64| match misread {
            Some(_) => Ok(LibraryPage::default()),
            None => store.find_chats(user, &wanted, (number - 1) * PAGE, PAGE, true).await,
        };
        let mut found = find(number).await?;
        if found.chats.is_empty() && number > 1 {
            // Whoever archived or deleted all of the last page stands beyond the end.
            number = 1;
            found = find(number).await?;
        }
        let t = texts(&who);
        let count = |name| query.get(name).and_then(|count| count.parse().ok());
        let counts = ["imported", "known", "damaged", "empty"];
        let imported =
            count("imported").map(|_: i64| words(&who).imported(t, counts.map(|name| count(name).unwrap_or_default())));
        let arranged =
            query.get("done").and_then(|what| words(&who).arranged(t, what, count("chats").unwrap_or_default()));
        // Of two commands in a row the second may have failed.
        let failed = query.get("__err").is_some() || query.get("error").is_some();
        let done = imported.or(arranged).or_else(|| query.get("saved").map(|_| t.saved.to_owned()));
        let view = served::Library {
            typed,
            wanted,
            page: u32::try_from(number).unwrap_or(1),
            pages: crate::components::pages(found.total, u32::try_from(PAGE).unwrap_or(50)),
            found,
            folders,
            tags,
            misread,
            done: done.filter(|_| !failed),
            now: services.store.now(),
        };
        Ok(ServedPage { title: t.chats.to_owned(), html: served::library(t, view), moves: false })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn filters_are_read_among_the_words() {
            let id = FolderId::parse("f1").unwrap();
            let folder = |name: &str| Folder {
                id: id.clone(),
                name: name.to_owned(),
                instructions: String::new(),
                document_tags: Vec::new(),
                chats: 0,
            };
            let (wanted, misread) =
                read("dos palabras in:\"Mi casa\" tag:#Luz before:2026-03-01", &[folder("mi casa")]);
            assert_eq!((wanted.words.as_str(), misread), ("dos palabras", None));
            assert_eq!((wanted.folder, wanted.tag.as_deref()), (Some(id.clone()), Some("luz")));
            assert_eq!(wanted.before, Some(Timestamp(1_772_323_200_000)));
            assert_eq!(read("carpeta:\"mi casa\"", &[folder("mi casa")]).0.folder.as_ref(), Some(&id));
            assert_ne!(read("in:otra", &[folder("mi casa")]).0.folder, Some(id));
            for (typed, filter) in
                [("a before:ayer", "before:ayer"), ("desde:2026-02-31", "desde:2026-02-31"), ("tag:", "tag:")]
            {
                assert_eq!(read(typed, &[]).1.as_deref(), Some(filter));
            }
            assert_eq!(read("in:\"", &[]).0.words, "");
        }

        #[test]
        fn labels_are_bounded_and_each_is_there_once() {
            assert_eq!(tags(" Luz, #luz ,, agua "), ["luz", "agua"]);
            assert_eq!(tags(&"x,".repeat(100)), ["x"]);
            assert_eq!(tags(&(0..99).map(|n| format!("t{n},")).collect::<String>()).len(), 20);
        }
    }
}
