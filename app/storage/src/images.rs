//! Images that people ask about.

use cjhirashi_domain::{
    Viewer,
    chat::MessageImage,
    id::{ImageId, MessageId, UserId},
};
use sqlx::PgTransaction;

use crate::{IncomingMessage, Result, StorageError, Store, connect::to_db};

/// So many that are not sent yet a person has at most; the oldest make room.
const UNSENT: i64 = 50;
/// One that was not sent goes after this, in ms.
const FORGOTTEN_MS: i64 = 86_400_000;

/// An image as it is shown and told.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// `image/jpeg` or `image/png`.
    pub media_type: String,
    /// The file.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for StoredImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.media_type, self.content.len())
    }
}

/// Where the images of a question go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question<'a> {
    Asked(&'a MessageId),
    Waiting(&'a MessageId),
}

impl Store {
    /// Keeps an image that the viewer is about to ask about, for a day unless it is sent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_image(
        &self,
        viewer: &Viewer,
        image: &StoredImage,
        (width, height): (u32, u32),
    ) -> Result<MessageImage> {
        let id = ImageId::new(self.now(), self.random());
        let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
        let (width, height) = (side(width), side(height));
        sqlx::query!(
            "WITH room AS (
                 DELETE FROM images WHERE id IN (
                     SELECT id FROM images
                     WHERE user_id = $2 AND message_id IS NULL AND queued_id IS NULL AND share_token IS NULL
                     ORDER BY created_at DESC OFFSET $8
                 )
                 -- One that is being sent meanwhile stays.
                 AND message_id IS NULL AND queued_id IS NULL AND share_token IS NULL
             )
             INSERT INTO images (id, user_id, media_type, width, height, content, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            id.as_str(),
            viewer.user_id.as_str(),
            image.media_type,
            width,
            height,
            image.content,
            to_db(self.now()),
            UNSENT - 1,
        )
        .execute(&self.pool)
        .await?;
        Ok(MessageImage { id, width, height })
    }

    /// An image of the viewer's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_image(&self, viewer: &Viewer, image: &ImageId) -> Result<Option<StoredImage>> {
        let found = sqlx::query_as!(
            StoredImage,
            "SELECT media_type, content FROM images WHERE id = $1 AND user_id = $2 AND share_token IS NULL",
            image.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// An image of a shared chat, for whoever has the link.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_shared_image(&self, token: &str, image: &ImageId) -> Result<Option<StoredImage>> {
        let found = sqlx::query_as!(
            StoredImage,
            "SELECT i.media_type, i.content FROM images i JOIN users u ON u.id = i.user_id
             WHERE i.id = $1 AND i.share_token = $2 AND u.disabled_at IS NULL",
            image.as_str(),
            token,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Images by their ids. Asks nobody's leave: for the run that tells them to its model.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_images(&self, images: &[ImageId]) -> Result<Vec<(ImageId, StoredImage)>> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!("SELECT id, media_type, content FROM images WHERE id = ANY($1)", &texts(images))
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|row| Ok((image_id(row.id)?, StoredImage { media_type: row.media_type, content: row.content })))
            .collect()
    }

    /// Forgets images that were never sent. Returns how many.
    pub(crate) async fn delete_unsent_images(&self) -> Result<u64> {
        let done = sqlx::query!(
            "DELETE FROM images WHERE message_id IS NULL AND queued_id IS NULL AND share_token IS NULL AND created_at < $1",
            to_db(self.now().plus_millis(-FORGOTTEN_MS)),
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

pub(crate) fn texts(images: &[ImageId]) -> Vec<String> {
    images.iter().map(|id| id.as_str().to_owned()).collect()
}

pub(crate) fn image_id(id: String) -> Result<ImageId> {
    ImageId::parse(id.as_str()).map_err(|_| StorageError::corrupt("images", "id", &id, &id))
}

/// The images of a message as its row tells them.
pub(crate) fn images(message: &str, json: Option<serde_json::Value>) -> Result<Vec<MessageImage>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_value(json).map_err(|error| StorageError::corrupt("images", "id", message, &error.to_string()))
}

/// Gives images that were not sent yet to a question; how many. The others are not there, or another question's.
pub(crate) async fn attach(
    tx: &mut PgTransaction<'_>,
    viewer: &Viewer,
    images: &[ImageId],
    question: Question<'_>,
) -> Result<u64> {
    if images.is_empty() {
        return Ok(0);
    }
    let (asked, waiting) = match question {
        Question::Asked(id) => (Some(id.as_str()), None),
        Question::Waiting(id) => (None, Some(id.as_str())),
    };
    let done = sqlx::query!(
        "UPDATE images SET message_id = $3, queued_id = $4, place = wanted.place
         FROM UNNEST($1::text[]) WITH ORDINALITY AS wanted (id, place)
         WHERE images.id = wanted.id AND images.user_id = $2 AND images.message_id IS NULL AND images.queued_id IS NULL
             AND images.share_token IS NULL",
        &texts(images),
        viewer.user_id.as_str(),
        asked,
        waiting,
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Copies to a question those of these images that another one of its chat is about; how many.
pub(crate) async fn copy_some(
    tx: &mut PgTransaction<'_>,
    images: &[ImageId],
    other: &MessageId,
    question: &MessageId,
) -> Result<u64> {
    if images.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query!(
        "INSERT INTO images (id, user_id, message_id, place, media_type, width, height, content, created_at)
         SELECT replace(gen_random_uuid()::text, '-', ''), i.user_id, $3, wanted.place, i.media_type, i.width, i.height,
                i.content, i.created_at
         FROM UNNEST($1::text[]) WITH ORDINALITY AS wanted (id, place)
         JOIN images i ON i.id = wanted.id AND i.message_id = $2",
        &texts(images),
        other.as_str(),
        question.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Copies the images of messages to other ones.
pub(crate) async fn copy(tx: &mut PgTransaction<'_>, old: &[String], new: &[String]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO images (id, user_id, message_id, place, media_type, width, height, content, created_at)
         SELECT replace(gen_random_uuid()::text, '-', ''), i.user_id, copy.new, i.place, i.media_type, i.width, i.height,
                i.content, i.created_at
         FROM UNNEST($1::text[], $2::text[]) AS copy (old, new) JOIN images i ON i.message_id = copy.old
         -- Into chats of the same person alone.
         JOIN messages m ON m.id = copy.new JOIN chats c ON c.id = m.chat_id AND c.user_id = i.user_id",
        old,
        new,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps images that came with messages: each with its message, its place among that one's and its time.
pub(crate) async fn add_all(
    tx: &mut PgTransaction<'_>,
    user: &UserId,
    messages: &[(&str, &IncomingMessage)],
) -> Result<()> {
    let all = || messages.iter().flat_map(|(id, of)| (1..).zip(&of.pictures).map(move |picture| (*id, *of, picture)));
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    let owners: Vec<String> = all().map(|(id, ..)| id.to_owned()).collect();
    if owners.is_empty() {
        return Ok(());
    }
    let places: Vec<i32> = all().map(|(.., (place, _))| place).collect();
    let types: Vec<String> = all().map(|(.., (_, (image, _)))| image.media_type.clone()).collect();
    let widths: Vec<i32> = all().map(|(.., (_, (_, (width, _))))| side(*width)).collect();
    let heights: Vec<i32> = all().map(|(.., (_, (_, (_, height))))| side(*height)).collect();
    let contents: Vec<&[u8]> = all().map(|(.., (_, (image, _)))| image.content.as_slice()).collect();
    let times: Vec<time::OffsetDateTime> = all().map(|(_, of, _)| to_db(of.created_at)).collect();
    sqlx::query!(
        "INSERT INTO images (id, user_id, message_id, place, media_type, width, height, content, created_at)
         SELECT replace(gen_random_uuid()::text, '-', ''), $1, came.*
         FROM UNNEST($2::text[], $3::integer[], $4::text[], $5::integer[], $6::integer[], $7::bytea[], $8::timestamptz[])
             AS came (message, place, media_type, width, height, content, created_at)",
        user.as_str(),
        &owners,
        &places,
        &types,
        &widths,
        &heights,
        &contents as &[&[u8]],
        &times,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Copies images that a shared chat shows: each to a message of the user's.
pub(crate) async fn copy_shared(
    tx: &mut PgTransaction<'_>,
    user: &UserId,
    token: &str,
    images: &[String],
    messages: &[String],
) -> Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO images (id, user_id, message_id, place, media_type, width, height, content, created_at)
         SELECT replace(gen_random_uuid()::text, '-', ''), $4, copy.message, i.place, i.media_type, i.width, i.height,
                i.content, i.created_at
         FROM UNNEST($1::text[], $2::text[]) AS copy (image, message)
         JOIN images i ON i.id = copy.image AND i.share_token = $3",
        images,
        messages,
        token,
        user.as_str(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{chat::MessageRole, text::ChatTitle, user::Role};

    use super::*;
    use crate::{IncomingChat, IncomingMessage, Part, Queueing, TurnOutcome, testing::Asker};

    impl Asker {
        async fn image(&self, byte: u8) -> ImageId {
            let image = StoredImage { media_type: "image/png".to_owned(), content: vec![byte] };
            self.store.add_image(&self.viewer, &image, (4, 3)).await.unwrap().id
        }

        async fn ask_instead_in_a_new_chat(&self, other: Option<&MessageId>) -> TurnOutcome {
            self.try_start(None, other, "mía", false, &[]).await
        }

        async fn is_there(&self, image: &ImageId) -> bool {
            self.store.open_image(&self.viewer, image).await.unwrap().is_some()
        }

        async fn images_in(&self, chat: &cjhirashi_domain::id::ChatId) -> Vec<Vec<MessageImage>> {
            let page = self.store.open_chat(&self.viewer, chat, Part::Whole).await.unwrap().unwrap();
            page.messages.into_iter().map(|message| message.images).collect()
        }
    }

    #[tokio::test]
    async fn an_image_belongs_to_one_question_and_goes_with_it() {
        let world = Asker::new().await;
        let (one, two) = (world.image(1).await, world.image(2).await);
        let turn = world.ask_about(None, "¿qué son?", &[two.clone(), one.clone()]).await;
        let TurnOutcome::Started(turn) = turn else { panic!("{turn:?}") };
        let chat = turn.chat.id.clone();
        world.answered(TurnOutcome::Started(turn.clone()), "dos").await;
        let images = world.images_in(&chat).await;
        let (size, ids) = ((4, 3), [&two, &one]);
        assert_eq!(images[0].iter().map(|image| &image.id).collect::<Vec<_>>(), ids, "in their order");
        assert_eq!((images[0][0].width, images[0][0].height), size);
        assert!(images[1].is_empty());
        let stranger = Viewer { user_id: UserId::parse("eva").unwrap(), role: Role::Owner };
        assert_eq!(world.store.open_image(&stranger, &one).await.unwrap(), None);
        // Sent twice it would be two questions'; one that is not there is no question's.
        for gone in [one.clone(), ImageId::parse("nowhere").unwrap()] {
            let refused = world.ask_about(Some(&chat), "¿y?", &[gone]).await;
            assert_eq!(refused, TurnOutcome::NoImage);
        }
        assert_eq!(world.shown(&chat).await.len(), 2, "nothing of it is kept");

        // A copy has copies; what is deleted is gone, and the copies stay.
        let title = |title: &str| ChatTitle::parse(title).unwrap();
        let copy = world.store.fork_chat(&world.viewer, &chat, None, title).await.unwrap().unwrap();
        let told = world.store.conversation_before(&turn.assistant_message, 10).await.unwrap();
        assert_eq!(told.turns[0].images, [two.clone(), one.clone()]);
        assert_eq!(world.store.load_images(&told.turns[0].images).await.unwrap().len(), 2);
        world.store.delete_message(&world.viewer, turn.user_message.as_ref().unwrap()).await.unwrap();
        assert!(!world.is_there(&one).await);
        let copied = world.images_in(&copy.id).await;
        assert_eq!(copied[0].len(), 2);
        let content = world.store.open_image(&world.viewer, &copied[0][0].id).await.unwrap().unwrap().content;
        assert_eq!(content, [2]);

        // A shared chat shows copies of its own, until it is revoked.
        let share = world.store.share_chat(&world.viewer, &copy.id).await.unwrap().unwrap();
        let (snapshot, _) = world.store.open_share(&share.token).await.unwrap().unwrap();
        let shared = &snapshot.messages[0].images[1].id;
        let open = async || world.store.open_shared_image(&share.token, shared).await.unwrap();
        assert_eq!(open().await.unwrap().content, [1]);
        // Whoever goes on with a copy has copies of their own, by that link alone.
        let incoming = |content: &str| {
            let message = IncomingMessage {
                images: vec![shared.clone()],
                ..IncomingMessage::new(MessageRole::User, content.to_owned(), world.store.now())
            };
            IncomingChat {
                origin: None,
                title: title("copia"),
                created_at: world.store.now(),
                updated_at: world.store.now(),
                archived: false,
                pinned: false,
                tags: Vec::new(),
                messages: vec![message],
                current: Some(0),
            }
        };
        for (token, copies) in [("another", 0), (share.token.as_str(), 1)] {
            let chat = world.store.import_chat(&world.viewer.user_id, &incoming("¿qué es?"), Some(token)).await;
            assert_eq!(world.images_in(&chat.unwrap().unwrap()).await[0].len(), copies, "{token}");
        }
        world.store.unshare_chat(&world.viewer, &copy.id).await.unwrap();
        assert_eq!(open().await, None);
    }

    #[tokio::test]
    async fn an_image_waits_with_its_question_and_is_kept_or_left_when_that_is_asked_differently() {
        let world = Asker::new().await;
        let first = world.started(None, "primera").await;
        let (chat, image) = (first.chat.id.clone(), world.image(7).await);
        let text = cjhirashi_domain::text::MessageText::parse("¿qué es?").unwrap();
        let waits = |images: Vec<ImageId>| {
            let (world, chat, text) = (&world, &chat, &text);
            async move { world.store.queue_message(&world.viewer, chat, None, text, &images).await.unwrap() }
        };
        assert_eq!(waits(vec![image.clone()]).await, Queueing::Waits);
        assert_eq!(waits(vec![image.clone()]).await, Queueing::NoImage, "it waits already");
        world.answered(TurnOutcome::Started(first), "hecho").await;
        let asked = world.store.start_queued_turn(&world.viewer, &chat, "m").await.unwrap();
        let TurnOutcome::Started(asked) = asked else { panic!("{asked:?}") };
        world.answered(TurnOutcome::Started(asked.clone()), "un siete").await;
        assert_eq!(world.images_in(&chat).await[2][0].id, image);
        let before = asked.user_message.as_ref();
        let instead = |images: Vec<ImageId>| {
            let (world, chat) = (&world, &chat);
            async move { world.try_start(Some(chat), before, "¿qué número es?", false, &images).await }
        };
        let new = world.image(9).await;
        let turn = instead(vec![new.clone(), image.clone()]).await;
        world.answered(turn, "siete").await;
        let images = world.images_in(&chat).await;
        assert!(images[2].len() == 2 && images[2][0].id == new && images[2][1].id != image, "{images:?}");
        let turn = instead(Vec::new()).await;
        world.answered(turn, "no lo sé").await;
        assert!(world.images_in(&chat).await[2].is_empty(), "none are wanted");
        assert_eq!(instead(vec![new]).await, TurnOutcome::NoImage, "it is of another version");
        // Into a chat of somebody else's it does not come.
        assert_eq!(world.ask_instead_in_a_new_chat(asked.user_message.as_ref()).await, TurnOutcome::NotFound);
        // One that waits and is taken out goes with its question.
        let busy = world.started(Some(&chat), "otra").await;
        let taken_out = world.image(8).await;
        assert_eq!(waits(vec![taken_out.clone()]).await, Queueing::Waits);
        let page = world.store.open_chat(&world.viewer, &chat, Part::Whole).await.unwrap().unwrap();
        world.store.change_queued(&world.viewer, &page.queue[0].id, None).await.unwrap();
        assert!(!world.is_there(&taken_out).await);
        world.answered(TurnOutcome::Started(busy), "vale").await;
    }

    #[tokio::test]
    async fn what_is_never_sent_goes_after_a_day_and_makes_room_before() {
        let world = Asker::new().await;
        let first = world.image(0).await;
        for n in 1..=50 {
            world.clock.advance(1);
            world.image(n).await;
        }
        assert!(!world.is_there(&first).await);
        let last = world.image(60).await;
        world.clock.advance(FORGOTTEN_MS - 1);
        world.store.delete_unsent_images().await.unwrap();
        assert!(world.is_there(&last).await);
        world.clock.advance(2);
        world.store.delete_unsent_images().await.unwrap();
        assert!(!world.is_there(&last).await);
    }
}
