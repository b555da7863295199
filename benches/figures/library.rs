//! Chats that are long, and a search over many.

use std::time::Instant;

use cjhirashi_testkit::TestApp;
use sqlx::{Connection as _, PgConnection};

use crate::row;

/// Messages that are searched.
const MESSAGES: i32 = 100_000;
/// Messages of other people, with the same words.
const OTHERS: i32 = 200_000;
/// Messages of the long chat; a page shows its end.
const LONG: i32 = 1_000;
/// Questions of one measurement: one person asks for at most some hundreds of pages in a minute.
const TIMES: usize = 60;

/// What people look for: one that few messages have, two that come together, one that a tenth of all have, and one with
/// a filter. Each may be written with or without its accents.
const LOOKED_FOR: [&str; 5] = ["garantía", "contrato arrendador", "factura", "\"plazo de entrega\"", "manual tag:obra"];

/// Chats of a hundred messages each, in the two languages, with words as common as in letters of an office.
async fn fill(database: &mut PgConnection, whose: &str, messages: i32) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO chats (id, title, user_id, revision, tags, updated_at)
         SELECT $2 || at, 'Chat ' || at, (SELECT id FROM users WHERE email = $2 || '@localhost'), 1,
             CASE WHEN at % 7 = 0 THEN ARRAY['obra'] ELSE '{}'::text[] END, now() - at * interval '1 hour'
         FROM generate_series(1, $1) at",
    )
    .bind(messages / 100)
    .bind(whose)
    .execute(&mut *database)
    .await?;
    sqlx::query(
        "INSERT INTO messages (id, chat_id, role, content, created_at)
         SELECT $2 || at, $2 || (1 + at / 100), CASE WHEN at % 2 = 0 THEN 'user' ELSE 'assistant' END,
             'El documento número ' || at || ' de la oficina explica cómo se hace el trabajo de cada semana. '
             || CASE WHEN at % 10 = 0 THEN 'La factura se envía antes del día cinco. ' ELSE '' END
             || CASE WHEN at % 97 = 0 THEN 'El contrato nombra al arrendador y su domicilio. ' ELSE '' END
             || CASE WHEN at % 1009 = 0 THEN 'La garantía dura dos años. ' ELSE '' END
             || CASE WHEN at % 53 = 0 THEN 'El plazo de entrega es de diez días según el manual. ' ELSE '' END
             || CASE WHEN at % 3 = 0 THEN 'The report sums up what was said at the meeting and who does what.' ELSE '' END,
             now() - ($1 - at) * interval '1 minute'
         FROM generate_series(0, $1 - 1) at",
    )
    .bind(messages)
    .bind(whose)
    .execute(&mut *database)
    .await?;
    sqlx::query("ANALYZE").execute(database).await?;
    Ok(())
}

/// Search over the messages of one person, as the palette and the page of chats ask for it.
pub(crate) async fn search(app: &TestApp) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(&app.database_url()?).await?;
    let cookie = app.sign_in().await?;
    sqlx::query("INSERT INTO users (id, email, updated_at) VALUES ('others', 'others@localhost', now())")
        .execute(&mut database)
        .await?;
    fill(&mut database, "others", OTHERS).await?;
    fill(&mut database, "owner", MESSAGES).await?;
    for words in LOOKED_FOR {
        let address = format!("/chats?q={}", words.replace(' ', "+").replace('"', "%22").replace('í', "%C3%AD"));
        let mut times = Vec::with_capacity(TIMES);
        let mut found = String::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            let page = app.get(&address).header("cookie", &cookie).header("accept", "text/html");
            found = page.send().await?.error_for_status()?.text().await?;
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        anyhow::ensure!(found.contains("/chat/owner"), "{words} is not found");
        row(
            &format!("page of chats with {words}, among {MESSAGES} messages and {OTHERS} of others"),
            &told(times),
            "p95 < 100 ms",
        );
    }
    Ok(())
}

/// The page of a chat of a thousand long messages, to its last byte.
pub(crate) async fn long_chat(app: &TestApp) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(&app.database_url()?).await?;
    let cookie = app.sign_in().await?;
    let paragraph = "El **arranque** se hace en tres pasos: la base de datos, el índice y el servidor.\n\n- uno\n- dos\n\n\
                     ```rust\nfn main() { println!(\"hola\"); }\n```\n\n";
    sqlx::query(
        "INSERT INTO chats (id, title, user_id, revision)
         SELECT 'long', 'Largo', (SELECT id FROM users WHERE email = 'owner@localhost'), 1",
    )
    .execute(&mut database)
    .await?;
    sqlx::query(
        "INSERT INTO messages (id, chat_id, role, content, created_at)
         SELECT 'long' || at, 'long', CASE WHEN at % 2 = 0 THEN 'user' ELSE 'assistant' END,
             'Mensaje ' || at || E'.\\n\\n' || repeat($2, 12), now() + at * interval '1 second'
         FROM generate_series(1, $1) at",
    )
    .bind(LONG)
    .bind(paragraph)
    .execute(&mut database)
    .await?;
    let mut times = Vec::with_capacity(TIMES);
    let mut first = 0.0;
    let mut bytes = 0;
    for time in 0..TIMES {
        let began = Instant::now();
        let page = app.get("/chat/long").header("cookie", &cookie).header("accept", "text/html").send().await?;
        bytes = page.error_for_status()?.bytes().await?.len();
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        if time == 0 { first = took } else { times.push(took) }
    }
    let measured = format!("{}; the first time {first:.0} ms; {} kB", told(times), bytes / 1_000);
    row("page of a chat of 1,000 messages of 2 kB", &measured, "p95 < 50 ms");
    Ok(())
}

fn told(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    format!("p50 {:.1} ms, p95 {:.1} ms", at(50), at(95))
}
