//! Model servers on this machine, found at their usual ports.

use std::time::Duration;

use futures::future::join_all;

use crate::{
    LocalServer,
    http::Clients,
    providers::{Endpoint, Provider, catalogue},
};

/// Usual port, and what listens there by default.
pub(crate) const USUAL: &[(u16, &str)] =
    &[(11434, "Ollama"), (1234, "LM Studio"), (8080, "llama.cpp"), (8000, "vLLM"), (1337, "Jan"), (4891, "GPT4All")];
/// A server on the same machine answers a list of names at once.
const PATIENCE: Duration = Duration::from_millis(400);

/// Asks each port for its models. Whatever does not answer with a list that has one is no model server.
pub(crate) async fn look(ports: &[(u16, &str)], clients: &Clients) -> Vec<LocalServer> {
    let asked = ports.iter().map(|&(port, name)| async move {
        let base_url = format!("http://127.0.0.1:{port}/v1");
        let endpoint = Endpoint { provider: Provider::Connected, base_url, key: None };
        let models = catalogue::fetch(&endpoint, clients, PATIENCE).await.ok()?;
        let name = if port == 11434 { name.to_owned() } else { format!("{name} (127.0.0.1:{port})") };
        let models: Vec<String> = models.into_iter().map(|offer| offer.name).collect();
        (!models.is_empty()).then_some(LocalServer { name, base_url: endpoint.base_url, models })
    });
    join_all(asked).await.into_iter().flatten().collect()
}
