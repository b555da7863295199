//! Every setting, read once at start from the environment and `.env`, and checked.

use std::{
    collections::HashMap,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use cjhirashi_chat::Titles;
use cjhirashi_domain::user::SignUp;
use cjhirashi_identity::ProviderConfig;
use cjhirashi_mail::MailConfig;
use cjhirashi_models::{EmbeddingChoice, ModelError, ModelRegistry, ModelsConfig, Secret};
use cjhirashi_storage::AppSecret;
use ipnet::IpNet;

use crate::pinecone::PineconeConfig;

pub use self::variables::{VARIABLES, Variable, help};

mod providers;
mod variables;

/// A setting that cannot be used: which, why, what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable}: {reason}")]
pub struct ConfigError {
    /// The variable, or the file.
    pub variable: String,
    /// Why, and what to write instead.
    pub reason: String,
}

pub(crate) fn invalid(variable: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError { variable: variable.to_owned(), reason: reason.into() }
}

/// What the models' own settings are refused for, in the words of all others.
fn of_models(error: ModelError, variable: &str) -> ConfigError {
    match error {
        ModelError::InvalidSetting { variable, reason } => invalid(variable, reason),
        ModelError::NotConfigured { provider, variable } => invalid(variable, format!("{provider} needs it")),
        error => invalid(variable, error.to_string()),
    }
}

/// What is logged unless `RUST_LOG` says otherwise. PostgreSQL's notices tell of what migrations found as expected.
pub const DEFAULT_LOG: &str = "info,sqlx::postgres::notice=warn";

/// The fewest bytes of `APP_SECRET`.
const SECRET_BYTES: usize = 32;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A Qdrant for the vectors.
#[derive(Debug, Clone)]
pub struct QdrantConfig {
    /// `QDRANT_URL` without a slash at its end.
    pub url: Option<String>,
    /// `QDRANT_API_KEY`.
    pub api_key: Option<Secret>,
    /// `QDRANT_COLLECTION`.
    pub collection: String,
}

/// The settings this process runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// `DATABASE_URL`.
    pub database_url: Option<String>,
    /// `DATABASE_CONNECTIONS`.
    pub database_connections: u32,
    /// `DATA_DIR`, absolute.
    pub data_dir: PathBuf,
    /// Whether it was set, or is that of the current folder.
    pub data_dir_is_set: bool,
    /// The folder for what can be fetched again, beside the models' default folder.
    cache_dir: PathBuf,
    /// `LISTEN`.
    pub listen: SocketAddr,
    /// `APP_URL` without a slash at its end.
    pub app_url: String,
    /// Whether it follows from the address listened on.
    app_url_follows: bool,
    /// `APP_SECRET`; `None` when it is kept in the data folder, see [`Config::secret`].
    app_secret: Option<AppSecret>,
    /// `APP_SECRET_OLD`.
    pub app_secret_old: Option<AppSecret>,
    /// Where people may sign in.
    pub providers: Vec<ProviderConfig>,
    /// `SIGN_UP`.
    pub sign_up: SignUp,
    /// Which model names chats.
    pub titles: Titles,
    /// `SMTP_URL` and `MAIL_FROM`; `None`: no mail is sent.
    pub mail: Option<MailConfig>,
    /// `TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<IpNet>,
    /// Everything about models.
    pub models: ModelsConfig,
    /// `PGVECTOR_URL`, else `DATABASE_URL`; `None` is the database under the data folder.
    pub pgvector_url: Option<String>,
    /// Where a Qdrant is.
    pub qdrant: QdrantConfig,
    /// Everything about Pinecone.
    pub pinecone: PineconeConfig,
    /// `SITE_DIR`, absolute.
    pub site_dir: PathBuf,
    /// `RUST_LOG`.
    pub log: String,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `METRICS_LISTEN`.
    pub metrics_listen: Option<SocketAddr>,
}

impl Config {
    /// Reads the environment, and for what is not set there the file `.env` of the current folder.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn load() -> Result<Self, ConfigError> {
        let file = read_env_file(Path::new(".env"))?;
        Self::from_lookup(&|name| match std::env::var(name) {
            Ok(value) if !value.trim().is_empty() => Ok(Some(value)),
            Ok(_) | Err(std::env::VarError::NotPresent) => Ok(file.get(name).cloned()),
            Err(std::env::VarError::NotUnicode(_)) => Err(invalid(name, "is not UTF-8 text")),
        })
    }

    /// Reads settings from anywhere; empty values count as unset.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Result<Option<String>, ConfigError>) -> Result<Self, ConfigError> {
        let get = |name: &str| -> Result<Option<String>, ConfigError> {
            Ok(lookup(name)?.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()))
        };
        let postgres = |name: &str, unset: &str| -> Result<Option<String>, ConfigError> {
            let url = get(name)?;
            match &url {
                // The value is not repeated: it may hold a password.
                Some(url) if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) => Err(invalid(
                    name,
                    format!(
                        "must be a PostgreSQL address such as postgres://user:password@host:5432/name; leave it unset for \
                         {unset}"
                    ),
                )),
                _ => Ok(url),
            }
        };
        let database_url = postgres("DATABASE_URL", "a database under DATA_DIR")?;
        let listen = parse_listen(get("LISTEN")?.as_deref())?;
        let allow_remote = yes_or_no("ALLOW_REMOTE", get("ALLOW_REMOTE")?.as_deref(), false)?;
        let providers = providers::read(&get)?;
        if !listen.ip().is_loopback() && !allow_remote && providers.is_empty() {
            return Err(invalid(
                "LISTEN",
                format!(
                    "{listen} can be reached from other machines, but no sign-in provider is configured; set one, such as \
                     GOOGLE_CLIENT_ID, listen on 127.0.0.1, or set ALLOW_REMOTE=yes if something in front of it decides \
                     who gets in"
                ),
            ));
        }
        let cache_dir = user_cache(&get)?.join("cjhirashi");
        let folder = |name: &str, default: &Path| -> Result<PathBuf, ConfigError> {
            let folder = get(name)?.map_or_else(|| default.to_owned(), PathBuf::from);
            std::path::absolute(&folder).map_err(|error| invalid(name, format!("{}: {error}", folder.display())))
        };
        let url = |name: &str| -> Result<Option<String>, ConfigError> {
            get(name)?.map(|value| parse_url(name, &value)).transpose()
        };
        let secret = |name: &str| -> Result<Option<Secret>, ConfigError> { Ok(get(name)?.map(Secret::from)) };
        let embeddings: EmbeddingChoice = match get("EMBEDDINGS")? {
            Some(text) => text.parse().map_err(|error| of_models(error, "EMBEDDINGS"))?,
            None => EmbeddingChoice::default(),
        };
        let models = ModelsConfig {
            model_dir: folder("MODEL_DIR", &cache_dir.join("models"))?,
            embeddings,
            chat_model: get("CHAT_MODEL")?,
            cohere_api_key: secret("COHERE_API_KEY")?,
            gemini_api_key: secret("GEMINI_API_KEY")?,
            openai_api_key: secret("OPENAI_API_KEY")?,
            anthropic_api_key: secret("ANTHROPIC_API_KEY")?,
            openai_base_url: url("OPENAI_BASE_URL")?,
            cohere_base_url: url("COHERE_BASE_URL")?,
            gemini_base_url: url("GEMINI_BASE_URL")?,
            anthropic_base_url: url("ANTHROPIC_BASE_URL")?,
            ollama_base_url: url("OLLAMA_BASE_URL")?,
            look_on_loopback: yes_or_no("LOOK_ON_LOOPBACK", get("LOOK_ON_LOOPBACK")?.as_deref(), true)?,
        };
        let app_url = get("APP_URL")?.map(|value| parse_app_url(&value)).transpose()?;
        let pgvector_url = postgres("PGVECTOR_URL", "the database of everything else")?;
        Ok(Self {
            pgvector_url: pgvector_url.or_else(|| database_url.clone()),
            qdrant: QdrantConfig {
                url: url("QDRANT_URL")?,
                api_key: secret("QDRANT_API_KEY")?,
                collection: get("QDRANT_COLLECTION")?
                    .map_or(Ok("cjhirashi".to_owned()), |text| parse_collection(&text))?,
            },
            database_url,
            database_connections: parse_connections(get("DATABASE_CONNECTIONS")?.as_deref())?,
            data_dir: folder("DATA_DIR", Path::new("data"))?,
            data_dir_is_set: get("DATA_DIR")?.is_some(),
            cache_dir,
            listen,
            app_url_follows: app_url.is_none(),
            app_url: app_url.unwrap_or_else(|| url_of(listen)),
            app_secret: get("APP_SECRET")?.map(|value| parse_secret("APP_SECRET", &value)).transpose()?,
            app_secret_old: get("APP_SECRET_OLD")?.map(|value| parse_secret("APP_SECRET_OLD", &value)).transpose()?,
            providers,
            titles: match get("TITLE_MODEL")? {
                None => Titles::Answering,
                Some(off) if off.eq_ignore_ascii_case("off") => Titles::Question,
                Some(model) => Titles::Model(model),
            },
            sign_up: match get("SIGN_UP")? {
                Some(text) => text.parse().map_err(|reason: String| invalid("SIGN_UP", reason))?,
                None => SignUp::default(),
            },
            mail: parse_mail(get("SMTP_URL")?.as_deref(), get("MAIL_FROM")?.as_deref())?,
            trusted_proxies: parse_proxies(get("TRUSTED_PROXIES")?.as_deref().unwrap_or_default())?,
            models,
            pinecone: PineconeConfig::read(&get)?,
            site_dir: folder("SITE_DIR", Path::new("target/site"))?,
            log: get("RUST_LOG")?.unwrap_or_else(|| DEFAULT_LOG.to_owned()),
            log_format: match get("LOG_FORMAT")?.as_deref() {
                None | Some("text") => LogFormat::Text,
                Some("json") => LogFormat::Json,
                Some(other) => {
                    return Err(invalid("LOG_FORMAT", format!("\"{other}\" is unknown; write text or json")));
                }
            },
            metrics_listen: get("METRICS_LISTEN")?.map(|text| parse_address("METRICS_LISTEN", &text)).transpose()?,
        })
    }

    /// Takes note of the address really listened on, which is only known now when the port was 0.
    pub fn set_bound(&mut self, bound: SocketAddr) {
        if self.app_url_follows {
            self.app_url = url_of(bound);
        }
    }

    /// Whether other machines may come by an address that nobody told.
    #[must_use]
    pub fn lacks_app_url(&self) -> bool {
        self.app_url_follows && !self.listen.ip().is_loopback()
    }

    /// Where original files are kept.
    #[must_use]
    pub fn blob_dir(&self) -> PathBuf {
        self.data_dir.join("blobs")
    }

    /// Where the vector index is kept.
    #[must_use]
    pub fn index_dir(&self) -> PathBuf {
        self.data_dir.join("index")
    }

    /// Where all embeddings are exported to, once a week.
    #[must_use]
    pub fn export_dir(&self) -> PathBuf {
        self.data_dir.join("exports")
    }

    /// Where our own PostgreSQL lives.
    #[must_use]
    pub fn postgres_dir(&self) -> PathBuf {
        self.data_dir.join("postgres")
    }

    /// Where a fetched PostgreSQL is kept, for all data folders.
    #[must_use]
    pub fn tools_dir(&self) -> PathBuf {
        self.cache_dir.clone()
    }

    /// Makes the data folder, closed to others; they may pass through it to a database that runs as another user.
    ///
    /// # Errors
    /// `DATA_DIR`, when it cannot be made or written.
    pub fn make_data_dir(&self) -> Result<(), ConfigError> {
        let failed = |error: std::io::Error| {
            invalid("DATA_DIR", format!("{} cannot be used: {error}; choose another folder", self.data_dir.display()))
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o711).create(&self.data_dir).map_err(failed)?;
        for folder in [self.blob_dir(), self.index_dir(), self.export_dir()] {
            close_to_others(&folder).map_err(failed)?;
        }
        // A folder of somebody else is noticed now, not by the first upload.
        let probe = self.data_dir.join(format!(".write-{}", std::process::id()));
        std::fs::File::create(&probe).map_err(failed)?;
        std::fs::remove_file(&probe).map_err(failed)
    }

    /// The models that the settings name.
    ///
    /// # Errors
    /// A setting of theirs that cannot be used.
    pub fn registry(&self) -> Result<ModelRegistry, ConfigError> {
        ModelRegistry::new(self.models.clone()).map_err(|error| of_models(error, "CHAT_MODEL"))
    }

    /// `APP_SECRET`, or the one kept in the data folder, which is made at the first call.
    ///
    /// # Errors
    /// When it can be neither read nor written.
    pub fn secret(&self) -> Result<AppSecret, ConfigError> {
        if let Some(secret) = &self.app_secret {
            return Ok(secret.clone());
        }
        let path = self.secret_file();
        let failed = |error: std::io::Error| invalid("APP_SECRET", format!("{}: {error}", path.display()));
        let kept = |text: String| match text.trim() {
            // Nobody set anything, so nobody is told how to make one: another one opens nothing.
            short if short.len() < SECRET_BYTES => Err(invalid(
                "APP_SECRET",
                format!(
                    "is not set, and {}, which keeps it then, is damaged; put that file back from a backup, or remove it \
                     if this instance has never run",
                    path.display()
                ),
            )),
            text => Ok(AppSecret::new(text)),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => return kept(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let text = hex::encode(rand::random::<[u8; 32]>());
        // Whole before it has its name: two processes may come here at once, and the first one's counts.
        let draft = self.data_dir.join(format!(".secret-{}", std::process::id()));
        let mut file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        let linked = std::fs::hard_link(&draft, &path);
        let _ = std::fs::remove_file(&draft);
        match linked {
            Ok(()) if self.database_url.is_some() => {
                tracing::warn!(
                    file = %path.display(),
                    "APP_SECRET is not set, so a secret was made for this database; every other process that uses the \
                     database needs the same"
                );
                Ok(AppSecret::new(text))
            }
            Ok(()) => Ok(AppSecret::new(text)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                kept(std::fs::read_to_string(&path).map_err(failed)?)
            }
            // Not every file system knows hard links.
            Err(_) => {
                let made = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path);
                let kept = made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
                kept.map_err(failed)?;
                Ok(AppSecret::new(text))
            }
        }
    }

    fn secret_file(&self) -> PathBuf {
        self.data_dir.join("secret")
    }

    /// What to say when the secret is not the one that the database's secrets were encrypted with.
    #[must_use]
    pub fn wrong_secret(&self) -> ConfigError {
        let which = match &self.app_secret {
            Some(_) => "is not the secret".to_owned(),
            None => format!("is not set, and {} is not the secret", self.secret_file().display()),
        };
        invalid(
            "APP_SECRET",
            format!(
                "{which} that this database's keys and tokens were encrypted with; set it to that one, which lies in the \
                 file secret of the first DATA_DIR unless it was set then"
            ),
        )
    }
}

fn read_env_file(path: &Path) -> Result<HashMap<String, String>, ConfigError> {
    let failed = |error: dotenvy::Error| match error {
        // The line is not repeated: it may hold a key.
        dotenvy::Error::LineParse(_, _) => {
            invalid(".env", "a line cannot be read; write NAME=value, with quotes around spaces")
        }
        error => invalid(".env", error.to_string()),
    };
    match dotenvy::from_path_iter(path) {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(failed),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(failed(error)),
    }
}

fn parse_listen(text: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let Some(text) = text else { return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 3000))) };
    parse_address("LISTEN", text)
}

fn parse_address(name: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    let reason = || format!("\"{text}\" is not an address with a port; write for example 127.0.0.1:3000");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| invalid(name, reason()))?;
    let port = port.parse().map_err(|_| invalid(name, reason()))?;
    match host {
        "localhost" => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        _ => Err(invalid(name, reason())),
    }
}

/// The address to open for one listened on. "All addresses" is none that a browser finds: on this machine loopback is.
pub(crate) fn url_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

fn parse_connections(text: Option<&str>) -> Result<u32, ConfigError> {
    let Some(text) = text else { return Ok(10) };
    // One hears notices all the time, so one alone would be none.
    text.parse()
        .ok()
        .filter(|number| (2..=100).contains(number))
        .ok_or_else(|| invalid("DATABASE_CONNECTIONS", format!("\"{text}\" is not a number from 2 to 100")))
}

/// Makes a folder of people's texts, which other accounts of the machine may not enter; who is in its group is whoever
/// runs the instance's business. One that there is, and that is not ours to change, stays as it is.
fn close_to_others(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = std::fs::metadata(folder)?.permissions().mode();
    if mode & 0o007 != 0
        && let Err(error) = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode & !0o007))
    {
        tracing::warn!(folder = %folder.display(), %error, "other accounts of this machine may read this folder");
    }
    Ok(())
}

fn yes_or_no(name: &str, text: Option<&str>, default: bool) -> Result<bool, ConfigError> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(default),
        Some("yes" | "true" | "1" | "on") => Ok(true),
        Some("no" | "false" | "0" | "off") => Ok(false),
        Some(other) => Err(invalid(name, format!("\"{other}\" is neither yes nor no"))),
    }
}

/// An http or https address, without slashes at its end.
fn parse_url(name: &str, text: &str) -> Result<String, ConfigError> {
    // What is no address may be a key that was put in the wrong place.
    let told = if text.contains("://") && !text.contains('@') { format!("\"{text}\"") } else { "the value".to_owned() };
    let wrong = |what: &str| invalid(name, format!("{told} {what}; write for example https://example.org"));
    let uri: http::Uri = text.parse().map_err(|_| wrong("is not an address"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(wrong("does not begin with http:// or https://")),
    }
    match uri.authority() {
        None => Err(wrong("names no host")),
        Some(authority) if authority.as_str().contains('@') => Err(invalid(name, "must not hold a user or a password")),
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
    }
}

/// Server and sender: both or neither.
fn parse_mail(server: Option<&str>, from: Option<&str>) -> Result<Option<MailConfig>, ConfigError> {
    match (server, from) {
        (None, None) => Ok(None),
        (Some(server), Some(from)) => {
            let config = MailConfig::parse(server, from);
            Ok(Some(config.map_err(|error| invalid(error.variable, error.reason))?))
        }
        (Some(_), None) => Err(invalid(
            "MAIL_FROM",
            "is not set, and SMTP_URL is; write whom mail is from, such as Cjhirashi <no-reply@example.org>",
        )),
        (None, Some(_)) => Err(invalid(
            "SMTP_URL",
            "is not set, and MAIL_FROM is; write the mail server, such as smtps://user:password@mail.example.org",
        )),
    }
}

fn parse_app_url(text: &str) -> Result<String, ConfigError> {
    let url = parse_url("APP_URL", text)?;
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    if rest.contains(['/', '?', '#']) {
        return Err(invalid("APP_URL", format!("\"{text}\" has a path; the product needs a host name of its own")));
    }
    Ok(url)
}

/// What a collection of Qdrant may be called.
fn parse_collection(text: &str) -> Result<String, ConfigError> {
    let fits = (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        return Ok(text.to_owned());
    }
    Err(invalid("QDRANT_COLLECTION", format!("\"{text}\" must have 1 to 100 letters, digits, '-' or '_'")))
}

/// Addresses and networks, separated by commas.
fn parse_proxies(text: &str) -> Result<Vec<IpNet>, ConfigError> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let network = |part: &str| {
        let address = || part.parse::<IpAddr>().ok().map(IpNet::from);
        part.parse().ok().or_else(address).ok_or_else(|| {
            invalid(
                "TRUSTED_PROXIES",
                format!("\"{part}\" is no address or network; write such as 127.0.0.1, 10.0.0.0/8"),
            )
        })
    };
    parts.map(network).collect()
}

fn parse_secret(name: &str, text: &str) -> Result<AppSecret, ConfigError> {
    if text.len() < SECRET_BYTES {
        return Err(invalid(
            name,
            format!(
                "has {} bytes, at least {SECRET_BYTES} are needed; make one with: openssl rand -hex 32",
                text.len()
            ),
        ));
    }
    Ok(AppSecret::new(text))
}

/// The folder where the user's programs keep what can be fetched again.
fn user_cache(get: &dyn Fn(&str) -> Result<Option<String>, ConfigError>) -> Result<PathBuf, ConfigError> {
    if let Some(folder) = get("XDG_CACHE_HOME")?.map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(folder);
    }
    // Services may run without HOME.
    let Some(home) = get("HOME")?.map(PathBuf::from) else { return Ok(PathBuf::from("/var/cache")) };
    Ok(if cfg!(target_os = "macos") { home.join("Library/Caches") } else { home.join(".cache") })
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(&|name| {
            Ok(pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        })
    }

    fn complaint(pairs: &[(&str, &str)]) -> String {
        read(pairs).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn nothing_configured_is_enough() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(config.database_url, None);
        assert!(config.data_dir.is_absolute() && config.data_dir.ends_with("data"));
        assert_eq!(config.app_url, "http://127.0.0.1:3000");
    }

    #[test]
    fn exactly_the_documented_variables_are_read() {
        let asked = RefCell::new(BTreeSet::new());
        let _ = Config::from_lookup(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            Ok(None)
        });
        let mut documented: BTreeSet<String> = VARIABLES.iter().map(|variable| variable.name.to_owned()).collect();
        // The system's own, which say where the user's cache is.
        documented.extend(["HOME", "XDG_CACHE_HOME"].map(str::to_owned));
        assert_eq!(asked.into_inner(), documented);
    }

    #[test]
    fn the_address_people_use_follows_the_port_unless_it_is_set() {
        let bound = "127.0.0.1:4321".parse().unwrap();
        let mut config = read(&[("LISTEN", "127.0.0.1:0")]).unwrap();
        config.set_bound(bound);
        assert_eq!(config.app_url, "http://127.0.0.1:4321");
        let mut config = read(&[("APP_URL", "https://chat.example.org/")]).unwrap();
        config.set_bound(bound);
        assert_eq!(config.app_url, "https://chat.example.org");
    }

    #[test]
    fn a_server_on_all_addresses_is_opened_at_one_that_exists() {
        for (listen, opened) in [("0.0.0.0:3000", "http://127.0.0.1:3000"), ("[::]:3000", "http://[::1]:3000")] {
            let mut config = read(&[("LISTEN", listen), ("ALLOW_REMOTE", "yes")]).unwrap();
            assert_eq!(config.app_url, opened);
            config.set_bound(listen.parse().unwrap());
            assert_eq!(config.app_url, opened);
            assert!(config.lacks_app_url());
        }
        assert!(!read(&[]).unwrap().lacks_app_url());
    }

    #[test]
    fn folders_do_not_depend_on_where_models_are() {
        let config = read(&[("MODEL_DIR", "models"), ("SITE_DIR", "site"), ("HOME", "/home/ana")]).unwrap();
        assert!(config.models.model_dir.is_absolute() && config.models.model_dir.ends_with("models"));
        assert!(config.site_dir.is_absolute());
        assert!(config.tools_dir().starts_with("/home/ana") && config.tools_dir().ends_with("cjhirashi"));
    }

    #[test]
    fn vectors_share_the_database_unless_they_have_their_own() {
        let (database, other) = ("postgres://db/all", "postgres://db/vectors");
        assert_eq!(read(&[]).unwrap().pgvector_url, None);
        assert_eq!(read(&[("DATABASE_URL", database)]).unwrap().pgvector_url.as_deref(), Some(database));
        let apart = read(&[("DATABASE_URL", database), ("PGVECTOR_URL", other)]).unwrap();
        assert_eq!(apart.pgvector_url.as_deref(), Some(other));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(read(&[("DATABASE_URL", " "), ("LISTEN", "")]).unwrap().database_url, None);
    }

    #[test]
    fn a_wrong_value_names_the_variable_and_what_to_write() {
        for (name, value, part) in [
            ("LISTEN", "3000", "127.0.0.1:3000"),
            ("LISTEN", "example.org:80", "127.0.0.1:3000"),
            ("LISTEN", "127.0.0.1:99999", "127.0.0.1:3000"),
            ("DATABASE_URL", "mysql://a", "postgres://"),
            ("DATABASE_CONNECTIONS", "1", "2 to 100"),
            ("APP_SECRET", "short", "32"),
            ("APP_URL", "chat.example.org", "https://"),
            ("APP_URL", "https://example.org/chat", "path"),
            ("OPENAI_BASE_URL", "https://user:key@example.org/v1", "password"),
            ("EMBEDDINGS", "cohere", "cohere:embed-v4.0@1536"),
            ("LOG_FORMAT", "xml", "json"),
            ("METRICS_LISTEN", "9100", "127.0.0.1:3000"),
            ("PGVECTOR_URL", "http://db/vectors", "postgres://"),
            ("QDRANT_URL", "127.0.0.1:6333", "https://"),
            ("QDRANT_COLLECTION", "my/vectors", "letters"),
            ("LOOK_ON_LOOPBACK", "maybe", "yes"),
        ] {
            let complaint = complaint(&[(name, value)]);
            assert!(complaint.starts_with(&format!("{name}: ")) && complaint.contains(part), "{complaint}");
            assert_eq!(complaint.matches(name).count(), 1, "{complaint}");
        }
    }

    #[test]
    fn a_password_in_a_wrong_address_is_not_repeated() {
        for name in ["DATABASE_URL", "PGVECTOR_URL"] {
            assert!(!complaint(&[(name, "postgers://me:hunter2@db/x")]).contains("hunter2"));
        }
    }

    #[test]
    fn other_machines_are_let_in_only_on_request() {
        assert!(complaint(&[("LISTEN", "0.0.0.0:3000")]).contains("ALLOW_REMOTE=yes"));
        assert!(read(&[("LISTEN", "0.0.0.0:3000"), ("ALLOW_REMOTE", "yes")]).is_ok());
        assert!(read(&[("LISTEN", "[::1]:3000")]).is_ok());
        assert!(read(&[("LISTEN", "localhost:3000")]).is_ok());
    }

    #[test]
    fn mail_needs_a_server_and_a_sender_and_its_password_is_in_no_message() {
        assert!(read(&[]).unwrap().mail.is_none());
        let server = ("SMTP_URL", "smtps://mailer:hunter2@mail.example.org");
        let config = read(&[server, ("MAIL_FROM", "Cjhirashi <no-reply@example.org>")]).unwrap();
        assert!(config.mail.is_some() && !format!("{config:?}").contains("hunter2"), "{config:?}");
        let told = |pairs: &[(&str, &str)]| read(pairs).unwrap_err().to_string();
        assert!(told(&[server]).starts_with("MAIL_FROM: is not set, and SMTP_URL is; write"));
        assert!(told(&[("MAIL_FROM", "a@example.org")]).starts_with("SMTP_URL: is not set, and MAIL_FROM is; write"));
        assert!(told(&[server, ("MAIL_FROM", "nobody")]).starts_with("MAIL_FROM: is not an address; write"));
        let error = told(&[("SMTP_URL", "http://mailer:hunter2@mail.example.org"), ("MAIL_FROM", "a@example.org")]);
        assert!(error.starts_with("SMTP_URL: ") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_secret_is_made_once_and_closed_to_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let config = read(&[("DATA_DIR", folder.path().join("new").to_str().unwrap())]).unwrap();
        config.make_data_dir().unwrap();
        config.secret().unwrap();
        let path = config.data_dir.join("secret");
        let first = std::fs::read_to_string(&path).unwrap();
        config.secret().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
        assert_eq!(first.len(), 64);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        std::fs::write(&path, "").unwrap();
        let error = config.secret().unwrap_err().to_string();
        assert!(error.starts_with("APP_SECRET: is not set") && error.contains(path.to_str().unwrap()), "{error}");
    }

    #[test]
    fn other_accounts_do_not_enter_the_folders_of_peoples_texts() {
        let folder = tempfile::tempdir().unwrap();
        let config = read(&[("DATA_DIR", folder.path().to_str().unwrap())]).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        // As earlier versions made it.
        std::fs::create_dir(config.blob_dir()).unwrap();
        std::fs::set_permissions(config.blob_dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
        config.make_data_dir().unwrap();
        assert_eq!(mode(&config.blob_dir()), 0o750, "the group is the operator's");
        assert_eq!((mode(&config.index_dir()), mode(&config.export_dir())), (0o700, 0o700));
    }

    #[test]
    fn a_key_in_the_place_of_an_address_is_not_repeated() {
        for wrong in ["sk-hunter2", "ana:hunter2@example.org/v1", "https://ana:hunter2@example.org:x"] {
            let told = read(&[("OPENAI_BASE_URL", wrong)]).unwrap_err().to_string();
            assert!(told.starts_with("OPENAI_BASE_URL: ") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_wrong_secret_names_the_variable_or_the_file() {
        let unset = read(&[("DATA_DIR", "/srv/chat")]).unwrap().wrong_secret().to_string();
        assert!(unset.starts_with("APP_SECRET: is not set, and /srv/chat/secret"), "{unset}");
        let set = read(&[("APP_SECRET", &"x".repeat(32))]).unwrap().wrong_secret().to_string();
        assert!(set.starts_with("APP_SECRET: is not the secret") && !set.contains("xxx"), "{set}");
    }

    #[test]
    fn a_broken_env_file_is_told_without_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "OPENAI_API_KEY=sk-secret with spaces'\n").unwrap();
        let error = read_env_file(&path).unwrap_err().to_string();
        assert!(error.starts_with(".env: ") && !error.contains("sk-secret"), "{error}");
        std::fs::write(&path, "# a comment\nA=1\nexport B='two words'\n").unwrap();
        assert_eq!(read_env_file(&path).unwrap()["B"], "two words");
    }
}
