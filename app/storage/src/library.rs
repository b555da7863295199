//! Chats kept in order: folders, labels, pins, the archive; and found again by what was said in them.

use cjhirashi_domain::{
    Viewer,
    audit::Action,
    chat::{ChatSummary, Filing, Wanted},
    id::{ChatId, FolderId, MessageId, UserId},
};

use crate::{Result, Store, chats::ChatRow, connect::to_db, folders::folder_id};

/// Something that is done with many chats at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrange {
    /// Above the others, or among them again.
    Pin(bool),
    /// Out of the list, or in it again.
    Archive(bool),
    /// Into a folder, or out of all.
    Move(Option<FolderId>),
    /// With these labels beside the ones they have.
    Label(Vec<String>),
    /// With exactly these labels.
    Relabel(Vec<String>),
    /// Gone for ever.
    Delete,
}

/// A chat as the library shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedChat {
    /// The chat.
    pub chat: ChatSummary,
    /// Where it is kept.
    pub filing: Filing,
    /// What was said in it that has the words, with the words marked by [`MARK_START`] and [`MARK_END`].
    pub found: Option<Found>,
}

/// A message that has the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub message: MessageId,
    /// Some of its words.
    pub snippet: String,
}

/// Begins a word that was looked for; no text of anybody's has this character.
pub const MARK_START: char = '\u{e000}';
/// Ends it.
pub const MARK_END: char = '\u{e001}';
/// The most characters of a message that a snippet is cut from.
const SNIPPET_FROM: i32 = 20_000;

/// A part of the library.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LibraryPage {
    /// The chats.
    pub chats: Vec<ListedChat>,
    /// All that were found; 0 on a page beyond the last.
    pub total: i64,
}

struct ListedRow {
    id: String,
    title: String,
    created_at: time::OffsetDateTime,
    updated_at: time::OffsetDateTime,
    answering: bool,
    pinned: bool,
    archived: bool,
    folder_id: Option<String>,
    tags: Vec<String>,
    message: Option<String>,
    snippet: Option<String>,
    total: i64,
}

impl ListedRow {
    fn listed(self) -> Result<ListedChat> {
        let found = self
            .message
            .zip(self.snippet)
            .and_then(|(message, snippet)| Some(Found { message: MessageId::parse(message).ok()?, snippet }));
        let filing = Filing {
            pinned: self.pinned,
            archived: self.archived,
            folder: self.folder_id.map(folder_id).transpose()?,
            tags: self.tags,
            temporary: false,
        };
        let row = ChatRow {
            id: self.id,
            title: self.title,
            created_at: self.created_at,
            updated_at: self.updated_at,
            answering: self.answering,
        };
        Ok(ListedChat { chat: row.try_into()?, filing, found })
    }
}

impl Store {
    /// A part of somebody's chats as they are wanted: by words in their titles and messages, and by where they are kept.
    /// Without words the pinned ones first, then the newest; with words the newest, each chat once, with the newest message
    /// that has them all, and some of its words where `snippets` are wanted: cutting one takes a millisecond.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_chats(
        &self,
        user: &UserId,
        wanted: &Wanted,
        offset: i64,
        limit: i64,
        snippets: bool,
    ) -> Result<LibraryPage> {
        let words = wanted.words.trim();
        let rows = sqlx::query_as!(
            ListedRow,
            r#"WITH question AS (
                   SELECT websearch_to_tsquery('spanish', fold_accents($2))
                       || websearch_to_tsquery('english', fold_accents($2)) AS query
               ), said AS MATERIALIZED (
                   SELECT DISTINCT ON (m.chat_id) m.chat_id, m.id
                   FROM question q
                   -- The index has whose a message is (migration 0020), so it reads nobody else's.
                   JOIN messages m ON m.search @@ (q.query && array_to_tsvector(ARRAY['user:' || $1])::text::tsquery)
                   WHERE numnode(q.query) > 0 AND m.user_id = $1 AND m.role <> 'system'
                       -- The column has the words twice, by the rules of both languages: what ends the one and begins the
                       -- other stands side by side in no message.
                       AND (q.query::text !~ '<(-|[0-9]+)>'
                            OR to_tsvector('spanish', fold_accents(left(m.content, 200000)))
                               @@ websearch_to_tsquery('spanish', fold_accents($2))
                            OR to_tsvector('english', fold_accents(left(m.content, 200000)))
                               @@ websearch_to_tsquery('english', fold_accents($2)))
                   ORDER BY m.chat_id, m.created_at DESC
               ), listed AS (
                   SELECT c.*, said.id AS message, count(*) OVER () AS total
                   FROM chats c LEFT JOIN said ON said.chat_id = c.id CROSS JOIN question q
                   WHERE c.user_id = $1 AND NOT c.temporary AND c.archived = $3
                       AND ($2 = '' OR said.id IS NOT NULL OR to_tsvector('spanish', fold_accents(c.title)) @@ q.query
                           OR strpos(fold_accents(c.title), fold_accents($2)) > 0)
                       AND ($4::text IS NULL OR c.folder_id = $4)
                       AND ($5::text IS NULL OR fold_accents($5) IN (SELECT fold_accents(tag) FROM unnest(c.tags) tag))
                       AND ($6::timestamptz IS NULL OR c.updated_at < $6)
                       AND ($7::timestamptz IS NULL OR c.updated_at >= $7)
                   ORDER BY ($2 = '' AND c.pinned_at IS NOT NULL) DESC, c.updated_at DESC, c.id DESC
                   OFFSET $8 LIMIT $9
               )
               SELECT l.id, l.title, l.created_at, l.updated_at,
                      EXISTS (SELECT FROM generations g WHERE g.chat_id = l.id AND g.status = 'streaming') AS "answering!",
                      l.pinned_at IS NOT NULL AS "pinned!", l.archived, l.folder_id, l.tags, l.message AS "message?",
                      CASE WHEN $11 AND l.message IS NOT NULL THEN (
                          SELECT ts_headline('spanish', fold_accents(left(m.content, $10)), q.query,
                                             'HighlightAll=true, StartSel=' || chr(57344) || ', StopSel=' || chr(57345))
                                 || chr(57346) || left(m.content, $10)
                          FROM messages m WHERE m.id = l.message
                      ) END AS "snippet?",
                      l.total AS "total!"
               FROM listed l CROSS JOIN question q
               ORDER BY ($2 = '' AND l.pinned_at IS NOT NULL) DESC, l.updated_at DESC, l.id DESC"#,
            user.as_str(),
            words,
            wanted.archived,
            wanted.folder.as_ref().map(FolderId::as_str),
            wanted.tag,
            wanted.before.map(to_db),
            wanted.after.map(to_db),
            offset,
            limit.clamp(1, 200),
            SNIPPET_FROM,
            snippets,
        )
        .fetch_all(&self.pool)
        .await?;
        let total = rows.first().map_or(0, |row| row.total);
        let mut chats = rows.into_iter().map(ListedRow::listed).collect::<Result<Vec<_>>>()?;
        for chat in &mut chats {
            if let Some(found) = &mut chat.found {
                found.snippet = snippet(&found.snippet);
            }
        }
        Ok(LibraryPage { chats, total })
    }

    /// Does something with chats of the viewer's; how many they were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn arrange_chats(&self, viewer: &Viewer, chats: &[ChatId], what: &Arrange) -> Result<u64> {
        let ids: Vec<String> = chats.iter().map(|id| id.as_str().to_owned()).collect();
        let (user, now) = (viewer.user_id.as_str(), to_db(self.now()));
        let mut tx = self.pool.begin().await?;
        // Held in one order, so that two who change the same chats wait for each other and not both.
        sqlx::query!("SELECT id FROM chats WHERE id = ANY($1) AND user_id = $2 ORDER BY id FOR UPDATE", &ids, user)
            .fetch_all(&mut *tx)
            .await?;
        let done = match what {
            Arrange::Pin(pinned) => {
                sqlx::query!(
                    "UPDATE chats SET pinned_at = CASE WHEN $3 THEN COALESCE(pinned_at, $4) END
                     WHERE id = ANY($1) AND user_id = $2",
                    &ids,
                    user,
                    pinned,
                    now
                )
                .execute(&mut *tx)
                .await?
            }
            Arrange::Archive(archived) => {
                sqlx::query!("UPDATE chats SET archived = $3 WHERE id = ANY($1) AND user_id = $2", &ids, user, archived)
                    .execute(&mut *tx)
                    .await?
            }
            Arrange::Move(folder) => {
                sqlx::query!(
                    "UPDATE chats SET folder_id = $3 WHERE id = ANY($1) AND user_id = $2
                         AND ($3::text IS NULL OR EXISTS (SELECT FROM folders WHERE id = $3 AND user_id = $2))",
                    &ids,
                    user,
                    folder.as_ref().map(FolderId::as_str)
                )
                .execute(&mut *tx)
                .await?
            }
            Arrange::Label(tags) => {
                sqlx::query!(
                    "UPDATE chats SET tags = (ARRAY(SELECT DISTINCT unnest(tags || $3::text[]) ORDER BY 1))[:20]
                     WHERE id = ANY($1) AND user_id = $2",
                    &ids,
                    user,
                    tags
                )
                .execute(&mut *tx)
                .await?
            }
            Arrange::Relabel(tags) => {
                sqlx::query!("UPDATE chats SET tags = $3 WHERE id = ANY($1) AND user_id = $2", &ids, user, tags)
                    .execute(&mut *tx)
                    .await?
            }
            Arrange::Delete => {
                sqlx::query!(
                    "WITH deleted AS (DELETE FROM chats WHERE id = ANY($1) AND user_id = $2 RETURNING id)
                     INSERT INTO audit_log (at, actor, action, subject) SELECT $3, $2, $4, id FROM deleted",
                    &ids,
                    user,
                    now,
                    Action::ChatDeleted.as_str()
                )
                .execute(&mut *tx)
                .await?
            }
        };
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Somebody's pinned chats, the one that was pinned last first; at most 100.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_pinned(&self, user: &UserId) -> Result<Vec<ChatSummary>> {
        sqlx::query_as!(
            ChatRow,
            r#"SELECT id, title, created_at, updated_at,
                      EXISTS (SELECT FROM generations g WHERE g.chat_id = chats.id AND g.status = 'streaming') AS "answering!"
               FROM chats WHERE user_id = $1 AND pinned_at IS NOT NULL AND NOT archived AND NOT temporary
               ORDER BY pinned_at DESC LIMIT 100"#,
            user.as_str(),
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(ChatSummary::try_from)
        .collect()
    }

    /// Every label of somebody's chats, with the number of chats.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_chat_tags(&self, user: &UserId) -> Result<Vec<(String, i64)>> {
        let rows = sqlx::query!(
            r#"SELECT tag AS "tag!", count(*) AS "count!" FROM chats, unnest(tags) tag
               WHERE user_id = $1 AND NOT archived GROUP BY tag ORDER BY sort_key(tag) LIMIT 200"#,
            user.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.tag, row.count)).collect())
    }

    /// Deletes temporary chats a day after they last changed; how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn delete_old_temporary_chats(&self) -> Result<u64> {
        let before = to_db(self.now().plus_millis(-24 * 60 * 60 * 1000));
        let done =
            sqlx::query!("DELETE FROM chats WHERE temporary AND updated_at < $1", before).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }
}

/// Characters around the first word that was found.
const BEFORE: usize = 60;
const LENGTH: usize = 220;

/// Cuts a snippet: the folded text with its marks stands before the text as it was written, character by character.
fn snippet(joined: &str) -> String {
    let Some((folded, written)) = joined.split_once('\u{e002}') else { return String::new() };
    // Where a letter became two by folding, the folded text is shown.
    let plain = folded.chars().filter(|c| !matches!(*c, MARK_START | MARK_END)).count();
    let exact = plain == written.chars().count();
    let mut letters = written.chars();
    let marked: Vec<char> = folded
        .chars()
        .map(|c| if matches!(c, MARK_START | MARK_END) || !exact { c } else { letters.next().unwrap_or(c) })
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        // Marks of Markdown say nothing here.
        .filter(|c| !matches!(c, '*' | '`' | '#'))
        .collect();
    let first = marked.iter().position(|c| *c == MARK_START).unwrap_or(0);
    let from = match first.saturating_sub(BEFORE) {
        0 => 0,
        near => marked[near..first].iter().position(|c| *c == ' ').map_or(near, |space| near + space + 1),
    };
    let end = marked.len().min(from + LENGTH);
    let to = if end == marked.len() {
        end
    } else {
        marked[from..end].iter().rposition(|c| *c == ' ').map_or(end, |at| from + at)
    };
    let mut text: String = marked[from..to].iter().collect();
    if text.matches(MARK_START).count() > text.matches(MARK_END).count() {
        text.push(MARK_END);
    }
    format!("{}{}{}", if from > 0 { "…" } else { "" }, text.trim(), if to < marked.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::user::Role;

    use super::*;
    use crate::{Listed, Part, testing::Asker};

    async fn filing(world: &Asker, chat: &ChatId) -> Option<Filing> {
        world.store.open_chat(&world.viewer, chat, Part::Last(0)).await.unwrap().map(|page| page.filing)
    }

    async fn find(world: &Asker, wanted: &Wanted) -> Vec<String> {
        let page = world.store.find_chats(&world.viewer.user_id, wanted, 0, 50, true).await.unwrap();
        page.chats.into_iter().map(|listed| listed.chat.title).collect()
    }

    async fn words(world: &Asker, words: &str) -> Vec<String> {
        find(world, &Wanted { words: words.to_owned(), ..Wanted::default() }).await
    }

    #[tokio::test]
    async fn what_was_said_is_found_without_accents_in_both_languages_and_shown_as_written() {
        let world = Asker::new().await;
        world.begin("¿Cómo se arregla?", "Con la **Llave** inglesa de la CAÑERÍA, y paciencia.", false).await;
        world.begin("How is it mended?", "By tightening the valves slowly.", false).await;
        world.begin("Otra cosa", "Nada.", false).await;
        assert_eq!(words(&world, "cañeria").await, ["¿Cómo se arregla?"]);
        assert_eq!(words(&world, "valve").await, ["How is it mended?"]);
        assert_eq!(words(&world, "llaves inglesas").await, ["¿Cómo se arregla?"]);
        assert_eq!(words(&world, "\"la llave\" -valves").await, ["¿Cómo se arregla?"]);
        assert_eq!(words(&world, "\"valves slowly\"").await, ["How is it mended?"]);
        assert!(words(&world, "\"paciencia llave\"").await.is_empty(), "the last word and the first are no phrase");
        assert_eq!(words(&world, "otra").await, ["Otra cosa"]);
        assert!(words(&world, "unicornio").await.is_empty());
        let wanted = Wanted { words: "cañería".to_owned(), ..Wanted::default() };
        let page = world.store.find_chats(&world.viewer.user_id, &wanted, 0, 50, true).await.unwrap();
        let found = page.chats[0].found.clone().unwrap();
        assert_eq!(found.snippet, format!("Con la Llave inglesa de la {MARK_START}CAÑERÍA{MARK_END}, y paciencia."));
        assert_eq!(page.total, 1);
        // Nobody else's.
        let other = UserId::parse("eva").unwrap();
        assert!(world.store.find_chats(&other, &wanted, 0, 50, true).await.unwrap().chats.is_empty());
    }

    #[tokio::test]
    async fn chats_are_kept_in_order_by_their_owner_alone() {
        let world = Asker::new().await;
        let (one, two) = (world.begin("uno", "a", false).await, world.begin("dos", "b", false).await);
        let (store, viewer) = (&world.store, &world.viewer);
        let folder = store.create_folder(&viewer.user_id, "Casa").await.unwrap();
        assert_eq!(store.create_folder(&viewer.user_id, "casa").await.unwrap(), folder, "one of a kind");
        for what in [Arrange::Pin(true), Arrange::Move(Some(folder.clone())), Arrange::Label(vec!["luz".to_owned()])] {
            assert_eq!(store.arrange_chats(viewer, std::slice::from_ref(&one), &what).await.unwrap(), 1);
        }
        let kept = filing(&world, &one).await.unwrap();
        assert!(kept.pinned && kept.tags == ["luz"] && kept.folder.as_ref() == Some(&folder));
        assert_eq!(find(&world, &Wanted::default()).await, ["uno", "dos"], "the pinned one is above the newer one");
        assert_eq!(store.list_pinned(&viewer.user_id).await.unwrap()[0].id, one);
        let unpinned = store.list_chats(&viewer.user_id, Listed::Unpinned, 9, None).await.unwrap();
        assert_eq!(unpinned.len(), 1);
        assert_eq!(find(&world, &Wanted { folder: Some(folder.clone()), ..Wanted::default() }).await, ["uno"]);
        assert_eq!(find(&world, &Wanted { tag: Some("luz".to_owned()), ..Wanted::default() }).await, ["uno"]);
        store.arrange_chats(viewer, std::slice::from_ref(&two), &Arrange::Archive(true)).await.unwrap();
        assert_eq!(find(&world, &Wanted::default()).await, ["uno"]);
        assert_eq!(find(&world, &Wanted { archived: true, ..Wanted::default() }).await, ["dos"]);
        // Somebody else can neither touch them nor put their own into this folder.
        let other = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
        assert_eq!(store.arrange_chats(&other, std::slice::from_ref(&one), &Arrange::Delete).await.unwrap(), 0);
        assert!(!store.delete_folder(&other.user_id, &folder).await.unwrap());
        // A folder that goes leaves its chats.
        assert!(store.delete_folder(&viewer.user_id, &folder).await.unwrap());
        assert_eq!(filing(&world, &one).await.unwrap().folder, None);
        assert_eq!(store.arrange_chats(viewer, &[one, two], &Arrange::Delete).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_temporary_chat_is_in_no_list_and_gone_after_a_day() {
        let world = Asker::new().await;
        let chat = world.begin("secreto", "nada", true).await;
        let viewer = &world.viewer;
        assert!(world.store.list_chats(&viewer.user_id, Listed::All, 9, None).await.unwrap().is_empty());
        assert!(words(&world, "secreto").await.is_empty());
        assert_eq!(world.store.delete_old_temporary_chats().await.unwrap(), 0);
        assert!(filing(&world, &chat).await.unwrap().temporary);
        world.clock.advance(25 * 60 * 60 * 1000);
        assert_eq!(world.store.delete_old_temporary_chats().await.unwrap(), 1);
        assert_eq!(filing(&world, &chat).await, None);
    }

    #[test]
    fn a_snippet_is_cut_around_the_first_word_that_was_found() {
        let words = "palabra ".repeat(60);
        let folded = format!("{words}{MARK_START}busca{MARK_END} {words}");
        let cut = snippet(&format!("{folded}\u{e002}{words}Buscá {words}"));
        assert!(
            cut.starts_with('…') && cut.ends_with('…') && cut.contains(&format!("{MARK_START}Buscá{MARK_END}")),
            "{cut}"
        );
        assert!(cut.chars().count() < 240);
        // Where folding made two letters of one, the folded text is shown, and nothing breaks.
        assert_eq!(snippet(&format!("{MARK_START}ab{MARK_END}\u{e002}x")), format!("{MARK_START}ab{MARK_END}"));
        assert_eq!(snippet("nothing"), "");
    }
}
