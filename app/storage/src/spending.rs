//! What answers cost: prices of models, and what people spent.

use cjhirashi_domain::{
    Viewer,
    id::{ChatId, UserId},
    spending::{Price, Spending, Tokens},
};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{Result, Store, connect::to_db};

/// Adds so many answers to what a person spent this month, and tells what it cost: by the price that an administrator
/// entered, else by the one that the provider told.
pub(crate) async fn add_spending(
    connection: &mut PgConnection,
    user: &str,
    model: &str,
    answers: i64,
    tokens: Tokens,
    told: Option<Price>,
    now: OffsetDateTime,
) -> Result<Option<f64>> {
    let cost = sqlx::query_scalar!(
        r#"WITH price AS (
               SELECT (COALESCE((SELECT input FROM model_prices WHERE model = $2), $3) * $5::int
                   + COALESCE((SELECT output FROM model_prices WHERE model = $2), $4) * $6::int) / 1e6 AS cost
           ), added AS (
               INSERT INTO usage_months
                   (user_id, month, model, answers, prompt_tokens, completion_tokens, cost, unpriced)
               SELECT $1, date_trunc('month', $7::timestamptz AT TIME ZONE 'UTC')::date, $2, $8, $5, $6,
                   COALESCE(price.cost, 0), CASE WHEN price.cost IS NULL THEN $8::bigint ELSE 0 END
               FROM price
               ON CONFLICT (user_id, month, model) DO UPDATE SET
                   answers = usage_months.answers + excluded.answers,
                   prompt_tokens = usage_months.prompt_tokens + excluded.prompt_tokens,
                   completion_tokens = usage_months.completion_tokens + excluded.completion_tokens,
                   cost = usage_months.cost + excluded.cost,
                   unpriced = usage_months.unpriced + excluded.unpriced
           )
           SELECT cost FROM price"#,
        user,
        model,
        told.map(|price| price.input),
        told.map(|price| price.output),
        tokens.prompt,
        tokens.completion,
        now,
        answers,
    )
    .fetch_one(connection)
    .await?;
    Ok(cost)
}

impl Store {
    /// Adds what a person spent beside the answers of their chats: an answer that is not kept, or, without one, the title or
    /// the summary of a chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_spending(
        &self,
        user: &UserId,
        model: &str,
        answers: i64,
        tokens: Tokens,
        told: Option<Price>,
    ) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        add_spending(&mut connection, user.as_str(), model, answers, tokens, told, to_db(self.now())).await?;
        Ok(())
    }

    /// Tokens of all answers of a chat of the viewer's, in every branch, where their providers count; and US dollars of
    /// those that had a price, `None` when none had.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn spent_in(&self, viewer: &Viewer, chat: &ChatId) -> Result<(i64, Option<f64>)> {
        let row = sqlx::query!(
            r#"SELECT COALESCE(sum(m.tokens_used), 0) AS "tokens!", sum(m.cost) AS cost
               FROM chats c JOIN messages m ON m.chat_id = c.id WHERE c.id = $1 AND c.user_id = $2"#,
            chat.as_str(),
            viewer.user_id.as_str(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok((row.tokens, row.cost))
    }

    /// What a person spent, or everybody when there is none: the newest month first, the dearest model first; at most
    /// `limit` rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_spending(&self, user: Option<&UserId>, limit: i64) -> Result<Vec<Spending>> {
        let rows = sqlx::query_as!(
            Spending,
            r#"SELECT to_char(s.month, 'YYYY-MM') AS "month!", u.email AS "person!", s.model, s.answers, s.prompt_tokens,
                      s.completion_tokens, s.cost, s.unpriced
               FROM usage_months s JOIN users u ON u.id = s.user_id
               WHERE $1::text IS NULL OR s.user_id = $1
               ORDER BY s.month DESC, s.cost DESC, s.answers DESC, u.email, s.model
               LIMIT $2"#,
            user.map(UserId::as_str),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The prices that were entered, by model.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_prices(&self) -> Result<Vec<(String, Price)>> {
        let rows = sqlx::query!("SELECT model, input, output FROM model_prices ORDER BY model LIMIT 1000")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|row| (row.model, Price { input: row.input, output: row.output })).collect())
    }

    /// Enters the price of a model, or takes it out. Answers that are there keep what they cost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_price(&self, model: &str, price: Option<Price>) -> Result<()> {
        match price {
            Some(price) => {
                sqlx::query!(
                    "INSERT INTO model_prices (model, input, output, updated_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (model) DO UPDATE
                     SET input = excluded.input, output = excluded.output, updated_at = excluded.updated_at",
                    model,
                    price.input,
                    price.output,
                    to_db(self.now()),
                )
                .execute(&self.pool)
                .await?;
            }
            None => {
                sqlx::query!("DELETE FROM model_prices WHERE model = $1", model).execute(&self.pool).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{chat::MessageStatus, text::ChatTitle};

    use super::*;
    use crate::{FinishedGeneration, Turn, testing::Asker};

    async fn spend(world: &Asker, turn: &Turn, tokens: Tokens, price: Option<Price>) {
        let end = FinishedGeneration {
            generation: &turn.generation,
            status: MessageStatus::Complete,
            content: "a",
            tokens: Some(tokens),
            price,
            ..FinishedGeneration::of(&turn.generation)
        };
        world.store.finish_generation(end).await.unwrap();
    }

    #[tokio::test]
    async fn what_an_answer_cost_is_kept_and_added_up_also_when_it_is_deleted() {
        let world = Asker::new().await;
        let (mine, told) = (Price { input: 1.0, output: 4.0 }, Price { input: 100.0, output: 100.0 });
        let tokens = Tokens { prompt: 500_000, completion: 250_000 };
        world.store.set_price("m", Some(mine)).await.unwrap();
        let chat = world.begin("one", "to one", false).await;
        let two = world.started(Some(&chat), "two").await;
        spend(&world, &two, tokens, Some(told)).await;
        let (_, answer) = world.store.open_message(&world.viewer, &two.assistant_message).await.unwrap().unwrap();
        assert_eq!((answer.cost, answer.tokens, answer.tokens_used), (Some(1.5), Some(tokens), Some(750_000)));
        // Without a price of one's own the provider's counts, and without any it is unknown.
        world.store.set_price("m", None).await.unwrap();
        let three = world.started(Some(&chat), "three").await;
        spend(&world, &three, tokens, Some(told)).await;
        let four = world.started(Some(&chat), "four").await;
        spend(&world, &four, tokens, None).await;
        assert_eq!(world.store.spent_in(&world.viewer, &chat).await.unwrap(), (2_250_000, Some(76.5)));

        world.store.delete_chat(&world.viewer, &chat).await.unwrap();
        let spent = world.store.list_spending(Some(&world.viewer.user_id), 10).await.unwrap();
        assert_eq!(spent.len(), 1);
        let month = &spent[0];
        assert_eq!((month.answers, month.prompt_tokens, month.completion_tokens), (3, 1_500_000, 750_000));
        assert_eq!((month.cost, month.unpriced, month.model.as_str()), (76.5, 1, "m"));
        assert_eq!(world.store.list_spending(None, 10).await.unwrap(), spent);
        let stranger = UserId::parse("eva").unwrap();
        let other = Viewer { user_id: stranger.clone(), ..world.viewer.clone() };
        assert_eq!(world.store.spent_in(&other, &chat).await.unwrap(), (0, None));
        assert!(world.store.list_spending(Some(&stranger), 10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_summary_stands_for_what_was_before_it_and_goes_when_any_of_it_is_deleted() {
        let world = Asker::new().await;
        let one = world.ask(None, None, "one").await;
        let chat = one.chat.id.clone();
        let two = world.ask(Some(&chat), None, "two").await;
        let three = world.started(Some(&chat), "three").await;
        let of = [one.user_message.clone().unwrap(), one.assistant_message.clone()];
        let (until, words) = (&one.assistant_message, "They spoke of one.");
        assert!(world.store.save_summary(until, &of, None, words, "m").await.unwrap());
        let told = world.store.conversation_before(&three.assistant_message, 100).await.unwrap();
        assert_eq!(told.summary.as_ref().map(|summary| summary.content.as_str()), Some(words));
        assert_eq!(told.turns.iter().map(|turn| turn.content.as_str()).collect::<Vec<_>>(), ["two", "to two", "three"]);
        assert_eq!(told.turns[1].id.as_ref(), Some(&two.assistant_message));
        let page = world.store.open_chat(&world.viewer, &chat, crate::Part::Whole).await.unwrap().unwrap();
        assert_eq!(page.messages[1].summary.as_deref(), Some("They spoke of one."));
        let told_before = told;
        // Another branch does not know of it.
        world.answered(crate::TurnOutcome::Started(three), "to three").await;
        let other = world.started_instead(&chat, one.user_message.as_ref(), "one, better").await;
        let told = world.store.conversation_before(&other.assistant_message, 100).await.unwrap();
        assert_eq!((told.summary, told.turns.len()), (None, 1));
        world.answered(crate::TurnOutcome::Started(other), "to better").await;

        world.store.delete_message(&world.viewer, one.user_message.as_ref().unwrap()).await.unwrap();
        let four = world.started(Some(&chat), "four").await;
        let told = world.store.conversation_before(&four.assistant_message, 100).await.unwrap();
        assert_eq!(told.summary, None, "nothing deleted comes back");
        let gone = world.store.save_summary(&two.assistant_message, &of, None, "x", "m").await.unwrap();
        assert!(!gone, "also not what was summarised while it was deleted");
        let of = [two.user_message.clone().unwrap()];
        let gone = world.store.save_summary(&two.assistant_message, &of, told_before.summary.as_ref(), "x", "m").await;
        assert!(!gone.unwrap(), "nor what an older summary told");
        let title = |title: &str| ChatTitle::parse(title).unwrap();
        let copy = world.store.fork_chat(&world.viewer, &chat, None, title).await.unwrap().unwrap();
        assert_eq!(world.shown(&copy.id).await, ["one, better", "to better", "four"]);
    }
}
