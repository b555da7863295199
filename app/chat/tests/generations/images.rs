//! Questions about images.

use cjhirashi_chat::EXTRACTIVE;
use cjhirashi_domain::id::ImageId;

use super::*;

/// One red pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

impl World {
    async fn ask_about(&self, chat: Option<&ChatId>, question: &str, images: Vec<ImageId>) -> Result<Sent, ChatError> {
        let message = SendMessage {
            chat: chat.cloned(),
            instead_of: None,
            text: cjhirashi_domain::text::MessageText::parse(question).unwrap(),
            images,
            temporary: false,
            folder: None,
            choices: Choices::default(),
            message_id: None,
        };
        self.service.send(&self.viewer, message).await
    }

    async fn image(&self) -> ImageId {
        self.service.add_image(&self.viewer, PNG.to_vec()).await.unwrap().id
    }
}

#[tokio::test]
async fn a_model_is_shown_the_images_of_a_question_and_of_those_before() {
    let world = World::new().await;
    world.models.set(Script::saying("Un píxel rojo."));
    let image = world.image().await;
    let sent = world.ask_about(None, "¿Qué ves?", vec![image]).await.unwrap();
    assert_eq!(world.ended(&sent).await.status, MessageStatus::Complete);
    let next = world.ask(Some(&sent.chat.id), "¿Y de qué color?").await.unwrap();
    world.ended(&next).await;
    let messages = world.models.requests().last().unwrap().body["messages"].clone();
    let first = &messages[1]["content"];
    assert_eq!(first[0]["text"], "¿Qué ves?", "{messages}");
    let url = first[1]["image_url"]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,iVBOR"), "{url}");
    // Words alone are a text, as every server takes it.
    assert_eq!(messages[3]["content"], "¿Y de qué color?");
    assert!(matches!(world.service.add_image(&world.viewer, b"<svg/>".to_vec()).await, Err(ChatError::Image(_))));
    let nine = vec![ImageId::parse("x").unwrap(); 9];
    assert!(matches!(world.ask_about(None, "¿?", nine).await, Err(ChatError::TooManyImages)));
    let gone = vec![ImageId::parse("x").unwrap()];
    assert!(matches!(world.ask_about(None, "¿?", gone).await, Err(ChatError::ImageNotFound)));
}

#[tokio::test]
async fn who_sees_nothing_says_so_and_answers_what_is_asked_after() {
    let world = World::answering_with(None).await;
    let image = world.image().await;
    let sent = world.ask_about(None, "¿Qué ves?", vec![image]).await.unwrap();
    let answer = world.ended(&sent).await;
    assert_eq!((answer.status, answer.error.unwrap().code.as_str()), (MessageStatus::Failed, "models:no_images"));
    assert_eq!(answer.model.as_deref(), Some(EXTRACTIVE));
    world.add_document("Manual", MANUAL).await;
    let next = world.ask(Some(&sent.chat.id), "¿Cuánto dura la garantía?").await.unwrap();
    assert_eq!(world.ended(&next).await.status, MessageStatus::Complete);
}
