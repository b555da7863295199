//! Every variable that is read, as `--help` and the README explain it.

use std::fmt::Write as _;

/// One variable, as `--help` and the README explain it.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What counts when it is unset, in words.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
}

const fn variable(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, help }
}

/// Every variable that is read, beside those of others: the system's (`HOME`, `XDG_CACHE_HOME`, `NO_COLOR`) and the mirrors
/// of pip and npm (`PIP_INDEX_URL`, `npm_config_registry`), out of which model and PostgreSQL are fetched.
pub const VARIABLES: &[Variable] = &[
    variable(
        "DATABASE_URL",
        "a PostgreSQL of its own under DATA_DIR",
        "PostgreSQL 14 or newer, postgres://user:password@host:5432/name",
    ),
    variable("DATABASE_CONNECTIONS", "10", "the most connections of this process, 2 to 100"),
    variable("DATA_DIR", "data", "folder for database, original files, vector index and secret"),
    variable("MODEL_DIR", "cjhirashi/models in the user's cache folder", "folder of the local models"),
    variable("LISTEN", "127.0.0.1:3000", "address and port to listen on"),
    variable(
        "ALLOW_REMOTE",
        "no",
        "yes: listen beyond this machine although no sign-in provider is configured; whoever has a sign-in link is the owner",
    ),
    variable("APP_URL", "http:// and LISTEN", "the address people use, such as https://chat.example.org"),
    variable(
        "APP_SECRET",
        "made once, kept in DATA_DIR/secret",
        "32 bytes or more that encrypt stored keys; the same for all replicas",
    ),
    variable(
        "APP_SECRET_OLD",
        "",
        "the secret before, for one start after APP_SECRET was changed: what it encrypted is encrypted anew",
    ),
    variable("GOOGLE_CLIENT_ID", "", "sign-in with Google; its redirect URI is APP_URL/sign-in/google/callback"),
    variable("GOOGLE_CLIENT_SECRET", "", "the secret that goes with it"),
    variable("GITHUB_CLIENT_ID", "", "sign-in with GitHub; its callback URL is APP_URL/sign-in/github/callback"),
    variable("GITHUB_CLIENT_SECRET", "", "the secret that goes with it"),
    variable("GITHUB_URL", "https://github.com", "a GitHub Enterprise server"),
    variable(
        "OIDC_ISSUER",
        "",
        "sign-in with an OpenID Connect issuer, by its address; its redirect URI is APP_URL/sign-in/oidc/callback",
    ),
    variable("OIDC_CLIENT_ID", "", "what that issuer knows this application by"),
    variable("OIDC_CLIENT_SECRET", "", "the secret that goes with it"),
    variable("OIDC_NAME", "the issuer's host", "what people call that issuer"),
    variable(
        "SIGN_UP",
        "invited",
        "who may make an account: open, invited, closed, or hosts of verified addresses such as example.org, example.com; the \
         first person of all becomes the owner, but for closed, and of those hosts where hosts are given",
    ),
    variable(
        "SMTP_URL",
        "no mail is sent",
        "the mail server, smtps://user:password@host (TLS, port 465) or smtp://user:password@host (STARTTLS, port 587; not \
         demanded of this machine, nor with ?tls=none at the end); %40 for an @ in user or password",
    ),
    variable("MAIL_FROM", "", "whom mail is from, such as Cjhirashi <no-reply@example.org>; goes with SMTP_URL"),
    variable(
        "TRUSTED_PROXIES",
        "",
        "addresses or networks, separated by commas, whose X-Forwarded-For is believed, such as 127.0.0.1, 10.0.0.0/8",
    ),
    variable(
        "EMBEDDINGS",
        "local",
        "cohere:embed-v4.0@1536, gemini:gemini-embedding-001@1536, openai:text-embedding-3-small@1536 or local",
    ),
    variable(
        "PGVECTOR_URL",
        "the same as DATABASE_URL",
        "a PostgreSQL with pgvector for the vectors, postgres://user:password@host:5432/name",
    ),
    variable("QDRANT_URL", "", "a Qdrant for the vectors, such as http://127.0.0.1:6333; may have a path"),
    variable("QDRANT_API_KEY", "", "key of that Qdrant"),
    variable("QDRANT_COLLECTION", "cjhirashi", "what the names of its collections begin with; each model has its own"),
    variable(
        "CHAT_MODEL",
        "the best that is configured, else extractive",
        "the model that answers, such as openai:gpt-5.4-mini, gemini:…, anthropic:…, ollama:… or extractive",
    ),
    variable(
        "TITLE_MODEL",
        "the model that answers",
        "the model that names chats, such as a small and quick one; off: they are named after their first question",
    ),
    variable("OPENAI_API_KEY", "", "key of OpenAI or of the compatible server at OPENAI_BASE_URL"),
    variable("OPENAI_BASE_URL", "https://api.openai.com/v1", "an OpenAI-compatible server, up to and including /v1"),
    variable("GEMINI_API_KEY", "", "key of Google Gemini"),
    variable("GEMINI_BASE_URL", "Google's", "another address of Gemini's API, up to and including /v1beta"),
    variable("ANTHROPIC_API_KEY", "", "key of Anthropic"),
    variable("ANTHROPIC_BASE_URL", "Anthropic's", "another address of Anthropic's API, up to and including /v1"),
    variable("COHERE_API_KEY", "", "key of Cohere, for embeddings"),
    variable("COHERE_BASE_URL", "Cohere's", "another address of Cohere's API"),
    variable("OLLAMA_BASE_URL", "http://127.0.0.1:11434", "where Ollama listens"),
    variable("LOOK_ON_LOOPBACK", "yes", "no: do not look for Ollama and other model servers on this machine"),
    variable(
        "PINECONE_API_KEY",
        "",
        "key of a Pinecone project, where cjhirashi init-index makes an index for the vectors and adopt-index finds the ADR's",
    ),
    variable("PINECONE_INDEX", "cjhirashi-knowledge", "the name of that index"),
    variable("PINECONE_CONTROL_URL", "https://api.pinecone.io", "another address of Pinecone's control plane"),
    variable(
        "PINECONE_HOST",
        "asked of the control plane",
        "where the index is; with http:// and a path where that is so",
    ),
    variable("PINECONE_CLOUD", "aws", "whose data centre a new index lies in: aws, gcp or azure"),
    variable("PINECONE_REGION", "us-east-1", "and in which, as that cloud calls it"),
    variable(
        "SITE_DIR",
        "in the program, or target/site",
        "folder with script, program and style of the pages, for builds that do not hold them",
    ),
    variable(
        "RUST_LOG",
        "info",
        "what is logged: error, warn, info, debug, trace, also per module (cjhirashi_chat=debug)",
    ),
    variable("LOG_FORMAT", "text", "text or json"),
    variable(
        "METRICS_LISTEN",
        "",
        "address where `cjhirashi worker`, which has no pages, answers /metrics and /healthz, such as 127.0.0.1:9100; the server \
         answers /metrics at LISTEN",
    ),
];

/// The variables as a section of `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = "Settings (environment variables, or the file .env in the current folder):\n".to_owned();
    for variable in VARIABLES {
        let _ = write!(text, "\n  {}\n      {}", variable.name, variable.help);
        if !variable.default.is_empty() {
            let _ = write!(text, "\n      [default: {}]", variable.default);
        }
    }
    text.push_str(
        "\n\nMirrors to fetch from, as pip and npm read them from the environment: PIP_INDEX_URL, npm_config_registry.",
    );
    text
}
