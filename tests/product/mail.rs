//! Mail, as the product sends it: the real binary, and a mail server that speaks the real protocol.

use std::time::{Duration, Instant};

use cjhirashi_testkit::{
    FakeSmtp, ScriptedModels, TestApp, TestAppOptions, TestDatabase, TestDb,
    smtp::{Behaviour, ReceivedMail},
};
use reqwest::{StatusCode, header::USER_AGENT};

use crate::client::{PATIENCE, Product, form};

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

async fn product(server: &FakeSmtp) -> Product {
    let models = ScriptedModels::start().await.expect("the scripted models");
    let mut env = models.openai_env();
    env.extend(server.env());
    // A provider, so that an invitation leads somewhere.
    for (name, value) in [("GITHUB_CLIENT_ID", "id"), ("GITHUB_CLIENT_SECRET", "secret")] {
        env.push((name.to_owned(), value.to_owned()));
    }
    Product::with(models, env, TestDatabase::Fresh).await
}

/// Waits for so many mails.
async fn mails(server: &FakeSmtp, count: usize) -> Vec<ReceivedMail> {
    let began = Instant::now();
    loop {
        let received = server.received();
        if received.len() >= count {
            return received;
        }
        assert!(began.elapsed() < PATIENCE, "{received:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn sign_in_with(app: &TestApp, email: &str, agent: &str) -> String {
    let said = app.command(&["sign-in-link", "--email", email]).await.expect("a link");
    let path = said.trim().split_once("/sign-in/").expect("an address").1;
    let answer = app.get(&format!("/sign-in/{path}")).header(USER_AGENT, agent).send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text");
    cookie.split(';').next().unwrap_or_default().to_owned()
}

async fn page(app: &TestApp, cookie: &str, path: &str) -> String {
    let answer = app.get(path).header("cookie", cookie).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.expect("a page")
}

/// Sends a form as a browser without a script does; where it leads to.
async fn submit(app: &TestApp, cookie: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let request = app.client.post(format!("{}{path}", app.base_url)).header("cookie", cookie);
    let request = request.header("origin", &app.base_url).header("accept", "text/html");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form(fields));
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_redirection(), "{path}: {}", answer.status());
    answer.headers()["location"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn an_invitation_from_the_page_goes_by_mail_and_the_page_says_so() {
    let server = FakeSmtp::start().await.expect("a mail server");
    let product = product(&server).await;
    let cookie = product.sign_in().await;
    let people = page(&product.app, &cookie, "/admin/people").await;
    assert!(people.contains("El enlace les llega por correo"), "{people}");
    let fields = [("email", "leo@example.org"), ("role", "user")];
    let answer = submit(&product.app, &cookie, "/fn/invite", &fields).await;
    assert_eq!(answer, "/admin/people?done=mailed");
    let told = page(&product.app, &cookie, &answer).await;
    assert!(told.contains("el enlace se le envía por correo"), "{told}");
    let mail = mails(&server, 1).await.remove(0);
    assert_eq!(mail.to, ["leo@example.org"]);
    assert!(mail.text().contains(&format!("{}/sign-in", product.app.base_url)), "{}", mail.text());
    let began = Instant::now();
    while !page(&product.app, &cookie, "/admin/people").await.contains("correo enviado") {
        assert!(began.elapsed() < PATIENCE, "the page does not say that the mail was sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        !product.app.log().contains("pa55") && !product.app.log().contains("leo@example.org"),
        "{}",
        product.app.log()
    );
}

#[tokio::test]
async fn a_new_key_and_a_new_device_are_told_until_the_person_turns_it_off_in_the_settings() {
    let server = FakeSmtp::start().await.expect("a mail server");
    let product = product(&server).await;
    let app = &product.app;
    app.command(&["api-key", "create", "--email", "ana@example.org", "--name", "cli"]).await.expect("a key");
    assert_eq!(mails(&server, 1).await[0].subject(), "Nueva clave de API: cli", "also of the command line");
    let cookie = sign_in_with(app, "ana@example.org", "Firefox/131").await;
    let settings = page(app, &cookie, "/settings").await;
    assert!(
        settings.contains("id=\"email_notifications-value\"") && settings.contains("Avisos por correo"),
        "{settings}"
    );
    assert!(!settings.contains("no envía correo"));
    sign_in_with(app, "ana@example.org", "Chrome/140").await;
    assert_eq!(mails(&server, 2).await[1].subject(), "Inicio de sesión en un dispositivo nuevo");

    let (status, told) = product.call(&cookie, "save_setting", &[("name", "email_notifications"), ("value", "")]).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    sign_in_with(app, "ana@example.org", "Edge/140").await;
    let (status, told) =
        product.call(&cookie, "save_setting", &[("name", "email_notifications"), ("value", "on")]).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    sign_in_with(app, "ana@example.org", "Opera/140").await;
    let received = mails(&server, 3).await;
    assert!(
        received.len() == 3 && received[2].text().contains("Opera"),
        "what happened while it was off is told to nobody"
    );
}

/// What `doctor` says of mail, line by line, whatever else it finds.
async fn doctor(app: &TestApp, env: Vec<(String, String)>) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cjhirashi"));
    command.arg("doctor").env_clear().current_dir(&app.data_dir).envs(env).env("LOOK_ON_LOOPBACK", "no");
    command.env("DATA_DIR", &app.data_dir).env("DATABASE_URL", app.database_url().expect("a database"));
    command.env("MODEL_DIR", &app.data_dir);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("a process");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("pa55"), "{said}");
    said.lines().filter(|line| line.contains("mail")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn without_a_mail_server_the_settings_say_so_and_with_one_doctor_tries_it() {
    let product = Product::start().await;
    let cookie = product.sign_in().await;
    let settings = page(&product.app, &cookie, "/settings").await;
    assert!(settings.contains("Este servidor no envía correo"), "{settings}");
    let said = doctor(&product.app, Vec::new()).await;
    assert!(said.starts_with("ok") && said.contains("SMTP_URL is not set"), "{said}");

    let server = FakeSmtp::start().await.expect("a mail server");
    let said = doctor(&product.app, server.env()).await;
    assert!(
        said.contains("lets us send") && said.contains("0 waiting, 0 given up") && !said.contains("FAIL"),
        "{said}"
    );
    server.set(Behaviour::RefuseLogin);
    let said = doctor(&product.app, server.env()).await;
    assert!(said.starts_with("FAIL") && said.contains("wrong user or password") && said.contains("SMTP_URL"), "{said}");
}

#[tokio::test]
async fn a_mail_server_that_hangs_keeps_nobody_from_anything_and_what_it_was_given_is_sent_by_the_other_replica() {
    let server = FakeSmtp::start().await.expect("a mail server");
    server.set(Behaviour::Hang);
    let models = ScriptedModels::start().await.expect("the scripted models");
    let database = TestDb::new().await.expect("a database");
    let url = database.url.clone();
    let mut env = models.openai_env();
    env.extend(server.env());
    env.push(("APP_SECRET".to_owned(), SECRET.to_owned()));
    let mut second = env.clone();
    second.push(("DATABASE_URL".to_owned(), url.clone()));
    let mut product = Product::with(models, env, TestDatabase::Prepared(database)).await;
    for n in 0..8 {
        let name = format!("k{n}");
        let made = ["api-key", "create", "--email", "ana@example.org", "--name", &name];
        product.app.command(&made).await.expect("a key");
    }
    server.wait_for_connections(1).await;
    // Documents and answers go their way.
    product.add_text("Faro", "El faro se encendió en 1903.").await;
    let cookie = product.sign_in().await;
    let (_, message) = product.answer(&cookie, None, "¿Cuándo se encendió el faro?").await;
    assert_eq!(message["status"], "complete", "{message}");

    // A power cut in the middle of a mail; another replica finds it when the lease has run out.
    product.app.kill9().await.expect("it was running");
    server.set(Behaviour::Accept);
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.expect("the database");
    sqlx::query("UPDATE mails SET lease_until = now() WHERE lease_until IS NOT NULL")
        .execute(&mut connection)
        .await
        .expect("time passes");
    let options = TestAppOptions { env: second, database: TestDatabase::Embedded };
    let _other = TestApp::spawn(env!("CARGO_BIN_EXE_cjhirashi"), options).await.expect("the other");
    let mut subjects: Vec<_> = mails(&server, 8).await.iter().map(ReceivedMail::subject).collect();
    subjects.sort();
    let expected: Vec<_> = (0..8).map(|n| format!("Nueva clave de API: k{n}")).collect();
    assert_eq!(subjects, expected);
}
