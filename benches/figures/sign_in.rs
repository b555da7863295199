//! What it costs to know who is asking, and many who sign in at once.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use anyhow::Context as _;
use axum::{
    Form, Json, Router,
    http::HeaderMap,
    routing::{get, post},
};
use cjhirashi_testkit::{TestApp, load};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{LOAD_TIME, row};

/// Sessions beside one's own.
const SESSIONS: i32 = 100_000;
/// People who sign in at the same moment.
const PEOPLE: usize = 500;

/// A server that speaks GitHub's OAuth on loopback and costs next to nothing. A code, and the token for it, are the number
/// of whoever signs in.
pub(crate) async fn github() -> anyhow::Result<Vec<(String, String)>> {
    #[derive(Deserialize)]
    struct Exchange {
        code: String,
    }
    fn number(headers: &HeaderMap) -> Option<u64> {
        headers.get("authorization")?.to_str().ok()?.rsplit(' ').next()?.parse().ok()
    }
    let token = post(async |Form(exchange): Form<Exchange>| -> Json<Value> {
        Json(json!({"access_token": exchange.code, "token_type": "bearer", "scope": "read:user,user:email"}))
    });
    let user = get(async |headers: HeaderMap| -> Json<Value> {
        Json(json!({"id": number(&headers), "login": "somebody", "name": null, "avatar_url": null}))
    });
    let addresses = get(async |headers: HeaderMap| -> Json<Value> {
        let address = format!("person{}@example.org", number(&headers).unwrap_or_default());
        Json(json!([{"email": address, "primary": true, "verified": true}]))
    });
    let router = Router::new()
        .route("/login/oauth/access_token", token)
        .route("/api/v3/user", user)
        .route("/api/v3/user/emails", addresses);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let env = [
        ("GITHUB_URL", url.as_str()),
        ("GITHUB_CLIENT_ID", "bench"),
        ("GITHUB_CLIENT_SECRET", "bench"),
        ("SIGN_UP", "open"),
        // Each comes from an address of their own, as people do.
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    Ok(env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

/// The same page for nobody, for somebody, and for somebody among very many.
pub(crate) async fn knowing_who(app: &TestApp) -> anyhow::Result<()> {
    let address: SocketAddr = app.base_url.trim_start_matches("http://").parse()?;
    let cookie = app.sign_in().await?;
    let somebody = [("Cookie", cookie.as_str()), ("Accept", "text/html")];
    let measure = async |headers: &[(&str, &str)]| {
        load::get(address, "/sign-in", headers, 1, LOAD_TIME / 5).await?;
        load::get(address, "/sign-in", headers, 1, LOAD_TIME).await
    };
    let nobody = measure(&somebody[1..]).await?;
    let told = |load: load::Load| {
        format!("{:.0} req/s, p50 {:.2} ms, p95 {:.2} ms", load.per_second, load.p50_ms, load.p95_ms)
    };
    row("a small page for nobody, 1 connection", &told(nobody), "a figure");
    let own = measure(&somebody).await?;
    row("the same for somebody signed in", &told(own), "a figure");
    let mut database = PgConnection::connect(&app.database_url()?).await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, expires_at, token_hash, last_used_at)
         SELECT 'bench' || at, (SELECT id FROM users LIMIT 1), now() + interval '1 day', sha256(at::text::bytea), now()
         FROM generate_series(1, $1) at",
    )
    .bind(SESSIONS)
    .execute(&mut database)
    .await?;
    let among = measure(&somebody).await?;
    row("the same among 100,000 sessions", &told(among), "a figure");
    Ok(())
}

/// From the button to the session, by `PEOPLE` new people at once.
pub(crate) async fn at_once(app: &TestApp) -> anyhow::Result<()> {
    let (client, base) = (app.client.clone(), Arc::new(app.base_url.clone()));
    let began = Instant::now();
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        people.spawn(sign_in(client.clone(), Arc::clone(&base), number));
    }
    let mut times = Vec::new();
    let mut refused = Vec::new();
    while let Some(done) = people.join_next().await {
        match done? {
            Ok(seconds) => times.push(seconds),
            Err(error) => refused.push(error.to_string()),
        }
    }
    let all = began.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let p95 = times.get(times.len() * 95 / 100).copied().unwrap_or_default();
    let measured = format!(
        "all in after {all:.1} s, p95 {p95:.1} s, {} refused{}",
        refused.len(),
        refused.first().map(|first| format!(" ({first})")).unwrap_or_default()
    );
    row("500 new people who sign in at a provider in the same instant", &measured, "none refused");
    Ok(())
}

async fn sign_in(client: reqwest::Client, base: Arc<String>, number: usize) -> anyhow::Result<f64> {
    let began = Instant::now();
    let from = format!("10.1.{}.{}", number / 250, number % 250 + 1);
    let cookie_of = |response: &reqwest::Response| -> anyhow::Result<String> {
        let cookie =
            response.headers().get("set-cookie").with_context(|| format!("{}: no cookie", response.status()))?;
        Ok(cookie.to_str()?.split(';').next().unwrap_or_default().to_owned())
    };
    let begun = client
        .post(format!("{base}/sign-in/github"))
        .header("origin", base.as_str())
        .header("x-forwarded-for", &from)
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await?;
    let cookie = cookie_of(&begun)?;
    let page = begun.text().await?;
    let state = page.split("state=").nth(1).context("the page leads nowhere")?;
    let state = state.split(['&', '"']).next().unwrap_or_default();
    let back = client
        .get(format!("{base}/sign-in/github/callback?code={}&state={state}", number + 1))
        .header("cookie", cookie)
        .header("x-forwarded-for", &from)
        .send()
        .await?;
    let place = back.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default();
    anyhow::ensure!(back.status() == 303 && !place.contains("error="), "{} {place}", back.status());
    cookie_of(&back)?;
    Ok(began.elapsed().as_secs_f64())
}
