//! Which models there are, and how to get one.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use parking_lot::{Mutex, RwLock};

use crate::{
    ChatModel, Connection, Embedder, EmbeddingChoice, ModelError, ModelsConfig, Outage, Price, embedders,
    http::{self, Clients, base_url, base_url_or},
    loopback, measured,
    providers::{
        Endpoint, Provider,
        catalogue::{self, Offer},
        hosted::HostedChat,
        openai::OpenAiChat,
    },
    retired,
};

pub(crate) const OPENAI: &str = "https://api.openai.com/v1";
pub(crate) const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta";
const ANTHROPIC: &str = "https://api.anthropic.com/v1";
const OLLAMA: &str = "http://127.0.0.1:11434";

/// A list of models is asked for again after this.
const FRESH: Duration = Duration::from_secs(300);
/// One that could not be had, after this.
const FRESH_FAILURE: Duration = Duration::from_secs(30);
/// A list that takes longer is left for the next time: a page waits for it.
const LIST_PATIENCE: Duration = Duration::from_secs(3);
/// Models whose learned dialect is kept.
const MAX_KEPT: usize = 64;

/// The id of the answerer that quotes passages instead of writing. It lives in `app/chat`; the registry only knows
/// that it is always there.
pub const EXTRACTIVE: &str = "extractive";

/// Stands for the model of a server whose list could not be had and of which none was chosen.
const UNLISTED: &str = "?";

/// A model that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// `provider:name`, or [`EXTRACTIVE`].
    pub id: String,
    /// As the provider calls it.
    pub name: String,
    /// For people: "OpenAI", "Ollama", …
    pub provider: String,
    /// The model that answers in its place since its provider shut it down.
    pub retired_to: Option<String>,
}

/// A model server found on this machine and not yet connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalServer {
    /// "Ollama", or the address.
    pub name: String,
    /// What to connect to: an OpenAI-compatible base URL up to `/v1`.
    pub base_url: String,
    /// Names of its models.
    pub models: Vec<String>,
}

/// Which model really answers when one is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedModel {
    /// `provider:name`, or [`EXTRACTIVE`].
    pub id: String,
    /// What was asked for, when that is another: retired, or its provider is not configured. Pages show it.
    pub instead_of: Option<String>,
}

/// Hands out models. One per process; cheap to clone and share.
#[derive(Clone)]
pub struct ModelRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    clients: Clients,
    config: ModelsConfig,
    embedder: Arc<dyn Embedder>,
    chat_model: Option<String>,
    /// Those that the environment configures.
    endpoints: Vec<Endpoint>,
    look_on_loopback: bool,
    connection: RwLock<Option<(Connection, Endpoint)>>,
    lists: Mutex<HashMap<Provider, Listed>>,
    found: Mutex<Option<(Instant, Vec<LocalServer>)>>,
    kept: Mutex<HashMap<String, Arc<dyn ChatModel>>>,
}

/// What a provider last listed.
struct Listed {
    models: Vec<Offer>,
    /// Nothing was ever listed, because the provider did not answer; it may have models all the same.
    away: bool,
    until: Instant,
}

impl ModelRegistry {
    /// Reads the configuration; asks nobody and loads nothing yet.
    ///
    /// # Errors
    /// A setting that cannot be used: an address that is none, a model whose provider has no key.
    pub fn new(config: ModelsConfig) -> Result<Self, ModelError> {
        let clients = http::clients()?;
        let embedder = embedders::from_config(&config, &clients)?;
        let endpoints = endpoints(&config)?;
        let registry = Self {
            inner: Arc::new(Inner {
                config: config.clone(),
                clients,
                embedder: measured::embedder(embedder),
                chat_model: config.chat_model.map(|model| model.trim().to_owned()).filter(|model| !model.is_empty()),
                endpoints,
                look_on_loopback: config.look_on_loopback,
                connection: RwLock::new(None),
                lists: Mutex::new(HashMap::new()),
                found: Mutex::new(None),
                kept: Mutex::new(HashMap::new()),
            }),
        };
        // A wrong CHAT_MODEL is told at the start and not at the first question.
        if let Some(model) = registry.inner.chat_model.as_deref().filter(|model| *model != EXTRACTIVE) {
            registry.inner.identify(model).map_err(|error| match error {
                ModelError::UnknownModel { model, .. } => ModelError::InvalidSetting {
                    variable: "CHAT_MODEL",
                    reason: format!("\"{model}\" names no provider; write for example \"ollama:{model}\""),
                },
                other => other,
            })?;
        }
        Ok(registry)
    }

    /// The embedding model that the configuration names.
    #[must_use]
    pub fn embedder(&self) -> Arc<dyn Embedder> {
        Arc::clone(&self.inner.embedder)
    }

    /// An embedding model by its id, `provider:model@dimension`: the configured one, or one that answered before it and
    /// whose vectors are still in use.
    ///
    /// # Errors
    /// [`ModelError::NotConfigured`] when its provider has no key any more, [`ModelError::InvalidSetting`] for what is
    /// no such id.
    pub fn embedder_of(&self, id: &str) -> Result<Arc<dyn Embedder>, ModelError> {
        if self.inner.embedder.id() == id {
            return Ok(self.embedder());
        }
        let local = id.starts_with("local:");
        let embeddings = if local { EmbeddingChoice::Local } else { id.parse()? };
        let config = ModelsConfig { embeddings, ..self.inner.config.clone() };
        let embedder = embedders::from_config(&config, &self.inner.clients)?;
        if embedder.id() == id {
            Ok(measured::embedder(embedder))
        } else {
            Err(ModelError::UnknownModel { model: id.to_owned(), detail: None })
        }
    }

    /// A chat model by `provider:name`; names without a provider and retired names are understood too. The model
    /// behind [`EXTRACTIVE`] is not handed out here.
    ///
    /// # Errors
    /// [`ModelError::UnknownModel`] and [`ModelError::NotConfigured`].
    pub fn chat(&self, model: &str) -> Result<Arc<dyn ChatModel>, ModelError> {
        // Locked first: a connection that changes in between would leave its old server's model under the new one's id.
        let mut kept = self.inner.kept.lock();
        let (endpoint, name) = self.inner.identify(model)?;
        if name == UNLISTED {
            return Err(ModelError::Unavailable {
                provider: endpoint.caller("").provider,
                cause: Outage::Other,
                detail: "it lists no models at the moment, and none was chosen in the settings".to_owned(),
            });
        }
        let id = id_of(endpoint.provider, &name);
        if let Some(model) = kept.get(&id) {
            return Ok(Arc::clone(model));
        }
        let clients = &self.inner.clients;
        let made: Arc<dyn ChatModel> = match endpoint.provider {
            Provider::Gemini | Provider::Anthropic => Arc::new(HostedChat::new(id.clone(), &name, &endpoint, clients)?),
            Provider::OpenAi | Provider::Ollama | Provider::Connected => {
                Arc::new(OpenAiChat::new(id.clone(), &name, endpoint.clone(), clients.clone()))
            }
        };
        let made = measured::chat(made, endpoint.provider.prefix());
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&made));
        Ok(made)
    }

    /// [`Self::resolve`] for a question that is to be sent: a list that the default is taken from and that is not there
    /// yet, as after a start, is waited for a few seconds.
    pub async fn resolve_to_ask(&self, wanted: &str) -> ResolvedModel {
        let resolved = self.resolve(wanted);
        let (Some(provider), UNLISTED) = Provider::split(&resolved.id) else { return resolved };
        let known = self.inner.lists.lock().get(&provider).is_some_and(|listed| listed.until > Instant::now());
        if let Some(endpoint) = self.inner.endpoint(provider).filter(|_| !known) {
            self.inner.renew(vec![endpoint]).await;
        }
        self.resolve(wanted)
    }

    /// Which model really answers when a person's settings say `wanted`: an empty text means the default; a retired
    /// name its successor; a provider that is not configured the default.
    #[must_use]
    pub fn resolve(&self, wanted: &str) -> ResolvedModel {
        let wanted = wanted.trim();
        if wanted.is_empty() {
            return ResolvedModel { id: self.default_model(), instead_of: None };
        }
        if wanted == EXTRACTIVE {
            return ResolvedModel { id: EXTRACTIVE.to_owned(), instead_of: None };
        }
        let asked_for = Provider::split(wanted).1;
        match self.inner.identify(wanted) {
            Ok((endpoint, name)) => ResolvedModel {
                instead_of: (name != asked_for).then(|| wanted.to_owned()),
                id: id_of(endpoint.provider, &name),
            },
            Err(_) => ResolvedModel { id: self.default_model(), instead_of: Some(wanted.to_owned()) },
        }
    }

    /// The model that answers when nobody chose another: `CHAT_MODEL`; else one of the connection an admin entered; else
    /// the cheap current model of a configured provider; else [`EXTRACTIVE`]. While a server that was entered cannot
    /// list its models it is an id that [`Self::chat`] refuses as unavailable: what was meant for one's own server must
    /// not go to somebody else.
    #[must_use]
    pub fn default_model(&self) -> String {
        if let Some(model) = &self.inner.chat_model {
            if model == EXTRACTIVE {
                return EXTRACTIVE.to_owned();
            }
            return match self.inner.identify(model) {
                Ok((endpoint, name)) => id_of(endpoint.provider, &name),
                Err(_) => EXTRACTIVE.to_owned(),
            };
        }
        let connection = self.inner.connection.read();
        if let Some((connection, _)) = connection.as_ref() {
            let first = connection.model.clone().or_else(|| self.inner.first_listed(Provider::Connected));
            return id_of(Provider::Connected, first.as_deref().unwrap_or(UNLISTED));
        }
        for endpoint in &self.inner.endpoints {
            let name = match endpoint.provider {
                // Names of November 2026; CHAT_MODEL and the settings choose others.
                Provider::Gemini => Some("gemini-3.5-flash-lite".to_owned()),
                Provider::OpenAi if endpoint.is_openai() => Some("gpt-5.4-mini".to_owned()),
                Provider::Anthropic => Some("claude-haiku-4-5".to_owned()),
                Provider::OpenAi => self.inner.first_listed(Provider::OpenAi),
                // An Ollama that happens to run is offered, not taken.
                Provider::Ollama | Provider::Connected => None,
            };
            if let Some(name) = name {
                return id_of(endpoint.provider, &name);
            }
        }
        EXTRACTIVE.to_owned()
    }

    /// Every model that can be chosen, [`EXTRACTIVE`] first. Providers are asked at most every few minutes; what was
    /// known before is answered at once and renewed behind it. A provider that does not answer lists nothing.
    pub async fn list(&self) -> Vec<ModelInfo> {
        let endpoints = self.inner.configured();
        let (mut missing, mut stale) = (Vec::new(), Vec::new());
        {
            let lists = self.inner.lists.lock();
            for endpoint in &endpoints {
                match lists.get(&endpoint.provider) {
                    None => missing.push(endpoint.clone()),
                    Some(listed) if listed.until <= Instant::now() => stale.push(endpoint.clone()),
                    Some(_) => {}
                }
            }
        }
        if !stale.is_empty() {
            let registry = self.clone();
            tokio::spawn(async move { registry.inner.renew(stale).await });
        }
        self.inner.renew(missing).await;

        let mut models = vec![ModelInfo {
            id: EXTRACTIVE.to_owned(),
            name: EXTRACTIVE.to_owned(),
            provider: "Cjhirashi".to_owned(),
            retired_to: None,
        }];
        let lists = self.inner.lists.lock();
        for endpoint in &endpoints {
            let provider = endpoint.caller("").provider;
            for Offer { name, .. } in lists.get(&endpoint.provider).map_or(&[][..], |listed| &listed.models) {
                models.push(ModelInfo {
                    id: id_of(endpoint.provider, name),
                    name: name.clone(),
                    provider: provider.clone(),
                    retired_to: successor(endpoint, name).map(str::to_owned),
                });
            }
        }
        drop(lists);
        // The default can be chosen even while its provider's list cannot be had.
        let default = self.default_model();
        let (provider, name) = Provider::split(&default);
        if name != UNLISTED && !models.iter().any(|model| model.id == default) {
            models.push(ModelInfo {
                name: name.to_owned(),
                provider: provider.map_or("", Provider::title).to_owned(),
                retired_to: None,
                id: default.clone(),
            });
        }
        models
    }

    /// What the provider of a model (`provider:name`) tells of it, as far as its list was read: tokens that it takes at
    /// once, and its price.
    #[must_use]
    pub fn known_of(&self, id: &str) -> (Option<u32>, Option<Price>) {
        let (Some(provider), name) = Provider::split(id) else { return (None, None) };
        let lists = self.inner.lists.lock();
        let offer = lists.get(&provider).and_then(|listed| listed.models.iter().find(|offer| offer.name == name));
        offer.map_or((None, None), |offer| (offer.context, offer.price))
    }

    /// Whether a model (`provider:name`) takes images; `None` where its provider's list does not tell.
    #[must_use]
    pub fn sees(&self, id: &str) -> Option<bool> {
        if id == EXTRACTIVE {
            return Some(false);
        }
        let (Some(provider), name) = Provider::split(id) else { return None };
        let lists = self.inner.lists.lock();
        lists.get(&provider)?.models.iter().find(|offer| offer.name == name)?.sees
    }

    /// Model servers found on this machine that are not connected yet. Looks again at most once a minute.
    pub async fn local_servers(&self) -> Vec<LocalServer> {
        if !self.inner.look_on_loopback {
            return Vec::new();
        }
        let known = self.inner.found.lock().as_ref().filter(|(at, _)| at.elapsed() < Duration::from_secs(60)).cloned();
        let mut servers = match known {
            Some((_, servers)) => servers,
            None => {
                let servers = loopback::look(loopback::USUAL, &self.inner.clients).await;
                *self.inner.found.lock() = Some((Instant::now(), servers.clone()));
                servers
            }
        };
        // Ollama's usual address is always among the endpoints, which connects it for nobody.
        let endpoints = self.inner.configured().into_iter().filter(|endpoint| endpoint.provider != Provider::Ollama);
        let taken: Vec<String> =
            endpoints.map(|endpoint| endpoint.base_url.replace("localhost", "127.0.0.1")).collect();
        servers.retain(|server| !taken.contains(&server.base_url));
        servers
    }

    /// The connection an admin entered.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        self.inner.connection.read().as_ref().map(|(connection, _)| connection.clone())
    }

    /// Asks a server for its models, to see that address and key are right before they are kept.
    ///
    /// # Errors
    /// What the server, or the way to it, answers.
    pub async fn try_connection(&self, connection: &Connection) -> Result<Vec<String>, ModelError> {
        let endpoint = endpoint_of(connection)?;
        let offers = catalogue::fetch(&endpoint, &self.inner.clients, Duration::from_secs(10)).await?;
        Ok(offers.into_iter().map(|offer| offer.name).collect())
    }

    /// The connection with the model that it will answer with: asks the server for its models, to see that address and
    /// key are right before they are kept. Where no model was named and the server has just one, that is it; a list
    /// changes, and what is first in it says nothing.
    ///
    /// # Errors
    /// What the server, or the way to it, answers; [`ModelError::ModelNotChosen`] when there is a choice to be made.
    pub async fn complete_connection(&self, connection: Connection) -> Result<Connection, ModelError> {
        let mut models = self.try_connection(&connection).await?;
        if connection.model.is_some() {
            return Ok(connection);
        }
        match models.len() {
            1 => Ok(Connection { model: models.pop(), ..connection }),
            _ => Err(ModelError::ModelNotChosen { models }),
        }
    }

    /// Uses another connection from now on, or none; answers that are being written end with the old one.
    ///
    /// # Errors
    /// An address that is none.
    pub fn reconfigure(&self, connection: Option<Connection>) -> Result<(), ModelError> {
        let connection = match connection {
            Some(connection) => {
                let endpoint = endpoint_of(&connection)?;
                Some((connection, endpoint))
            }
            None => None,
        };
        // In this order: `chat` reads the connection while it holds what is kept.
        let mut kept = self.inner.kept.lock();
        *self.inner.connection.write() = connection;
        self.inner.lists.lock().remove(&Provider::Connected);
        kept.clear();
        Ok(())
    }
}

impl Inner {
    /// Everything that can be asked now.
    fn configured(&self) -> Vec<Endpoint> {
        let connected = self.connection.read().as_ref().map(|(_, endpoint)| endpoint.clone());
        // Ollama needs no key, so its usual address stands for it only where we may look there.
        let ready = |endpoint: &&Endpoint| {
            endpoint.provider != Provider::Ollama || self.look_on_loopback || !endpoint.base_url.starts_with(OLLAMA)
        };
        connected.into_iter().chain(self.endpoints.iter().filter(ready).cloned()).collect()
    }

    fn endpoint(&self, provider: Provider) -> Option<Endpoint> {
        match provider {
            Provider::Connected => self.connection.read().as_ref().map(|(_, endpoint)| endpoint.clone()),
            _ => self.endpoints.iter().find(|endpoint| endpoint.provider == provider).cloned(),
        }
    }

    /// Whose a model is and what its provider calls it today.
    fn identify(&self, model: &str) -> Result<(Endpoint, String), ModelError> {
        let (named, name) = Provider::split(model.trim());
        let unknown = || ModelError::UnknownModel { model: model.trim().to_owned(), detail: None };
        if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
            return Err(unknown());
        }
        let candidates: Vec<Provider> = match named {
            Some(provider) => vec![provider],
            // The looks of a name first; then whoever speaks for any name.
            None => Provider::guess(name).into_iter().chain([Provider::Connected, Provider::OpenAi]).collect(),
        };
        let compatible =
            |endpoint: &Endpoint| named.is_some() || Provider::guess(name).is_some() || !endpoint.is_openai();
        match candidates.iter().find_map(|provider| self.endpoint(*provider).filter(compatible)) {
            Some(endpoint) => {
                let name = successor(&endpoint, name).unwrap_or(name).to_owned();
                Ok((endpoint, name))
            }
            None => match named.or_else(|| Provider::guess(name)) {
                Some(provider) => {
                    Err(ModelError::NotConfigured { provider: provider.title(), variable: provider.variable() })
                }
                None => Err(unknown()),
            },
        }
    }

    /// The first model of a list, [`UNLISTED`] before there is one. `None` when a provider has no model that chats, as
    /// servers of embeddings have none.
    fn first_listed(&self, provider: Provider) -> Option<String> {
        match self.lists.lock().get(&provider) {
            Some(listed) if !listed.away => listed.models.first().map(|offer| offer.name.clone()),
            _ => Some(UNLISTED.to_owned()),
        }
    }

    /// Asks providers for their lists, all at once.
    async fn renew(&self, endpoints: Vec<Endpoint>) {
        let asked = endpoints.into_iter().map(|endpoint| async move {
            let listed = catalogue::fetch(&endpoint, &self.clients, LIST_PATIENCE).await;
            if let Err(error) = &listed {
                let provider = endpoint.provider.prefix();
                // Most machines run no Ollama, which is nothing to tell.
                if endpoint.provider == Provider::Ollama {
                    tracing::debug!(error = %error, model.provider = provider, "a provider lists no models");
                } else {
                    tracing::warn!(error = %error, model.provider = provider, "a provider lists no models");
                }
            }
            (endpoint, listed)
        });
        for (endpoint, listed) in join_all(asked).await {
            // The connection may have changed while its server was asked.
            if self.endpoint(endpoint.provider).as_ref() != Some(&endpoint) {
                continue;
            }
            let mut lists = self.lists.lock();
            let entry = lists.entry(endpoint.provider).or_insert_with(|| Listed {
                models: Vec::new(),
                away: true,
                until: Instant::now(),
            });
            match listed {
                Ok(models) => *entry = Listed { models, away: false, until: Instant::now() + FRESH },
                Err(error) => {
                    // A server of embeddings alone may know no list at all.
                    entry.away &= !matches!(error, ModelError::UnknownModel { .. });
                    entry.until = Instant::now() + FRESH_FAILURE;
                }
            }
        }
    }
}

fn id_of(provider: Provider, name: &str) -> String {
    format!("{}:{name}", provider.prefix())
}

/// The successor of a retired model, where its own maker serves it: a server of one's own may still have the old one.
fn successor(endpoint: &Endpoint, name: &str) -> Option<&'static str> {
    if endpoint.provider == Provider::Gemini { retired::successor(name) } else { None }
}

fn endpoint_of(connection: &Connection) -> Result<Endpoint, ModelError> {
    Ok(Endpoint {
        provider: Provider::Connected,
        base_url: base_url(&connection.base_url, "base URL")?,
        key: connection.api_key.clone(),
    })
}

/// The providers that the environment configures.
fn endpoints(config: &ModelsConfig) -> Result<Vec<Endpoint>, ModelError> {
    let mut endpoints = Vec::new();
    if let Some(key) = &config.gemini_api_key {
        let base_url = base_url_or(config.gemini_base_url.as_deref(), GEMINI, "GEMINI_BASE_URL")?;
        endpoints.push(Endpoint { provider: Provider::Gemini, base_url, key: Some(key.clone()) });
    }
    if config.openai_api_key.is_some() || config.openai_base_url.is_some() {
        let base_url = base_url_or(config.openai_base_url.as_deref(), OPENAI, "OPENAI_BASE_URL")?;
        endpoints.push(Endpoint { provider: Provider::OpenAi, base_url, key: config.openai_api_key.clone() });
    }
    if let Some(key) = &config.anthropic_api_key {
        let base_url = base_url_or(config.anthropic_base_url.as_deref(), ANTHROPIC, "ANTHROPIC_BASE_URL")?;
        endpoints.push(Endpoint { provider: Provider::Anthropic, base_url, key: Some(key.clone()) });
    }
    let base_url = format!(
        "{}/v1",
        base_url_or(config.ollama_base_url.as_deref(), OLLAMA, "OLLAMA_BASE_URL")?.trim_end_matches("/v1")
    );
    endpoints.push(Endpoint { provider: Provider::Ollama, base_url, key: None });
    Ok(endpoints)
}
