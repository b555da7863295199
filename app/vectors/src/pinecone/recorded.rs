//! Our requests beside those of Pinecone's own Python client, as recorded from the wire.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use cjhirashi_testkit::{FaultyPinecone, pinecone::PineconeRequest};
use reqwest::Url;
use serde_json::{Value, json};

use super::{
    Deployment, Host, IndexName, IndexSpec, Namespace, PineconeControl, PineconeData, api,
    batch::{BatchLimits, Batches, Outgoing},
    client::Client,
    wire::QueryBody,
};

/// What a request means, whoever made it.
#[derive(Debug, PartialEq)]
struct Meaning {
    method: String,
    path: String,
    /// In any order.
    query: Vec<(String, String)>,
    headers: BTreeMap<&'static str, Option<String>>,
    body: Value,
}

/// The headers that mean something; others, such as the user agent, are free.
const HEADERS: [&str; 3] = ["api-key", "x-pinecone-api-version", "content-type"];

fn meaning(
    method: &str,
    path: &str,
    query: &[(String, String)],
    header: impl Fn(&str) -> Option<String>,
    body: Value,
) -> Meaning {
    let mut query: Vec<(String, String)> =
        // What is left out counts as this.
        query.iter().filter(|(name, value)| (name.as_str(), value.as_str()) != ("limit", "100")).cloned().collect();
    query.sort();
    Meaning {
        method: method.to_owned(),
        path: path.to_owned(),
        query,
        headers: HEADERS.map(|name| (name, header(name))).into(),
        body: plain(body),
    }
}

/// Numbers without the way they are written, and without members that say what is so anyway.
fn plain(body: Value) -> Value {
    match body {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, value)| !(name == "metadata" && *value == json!({})))
            .map(|(name, value)| (name, plain(value)))
            .collect(),
        other => other,
    }
}

fn recorded(file: &str) -> Meaning {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testkit/spec/pinecone/recorded-python-sdk-10.2.0");
    let text = std::fs::read_to_string(folder.join(file)).unwrap().replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let url = Url::parse(&format!("http://x{target}")).unwrap();
    let query: Vec<_> = url.query_pairs().into_owned().collect();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = serde_json::from_str(body.trim()).unwrap_or_default();
    meaning(method, url.path(), &query, |name| headers.get(name).cloned(), body)
}

fn ours(request: &PineconeRequest) -> Meaning {
    let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    meaning(&request.method, &request.path, &request.query, header, request.body.clone())
}

/// A server, and clients that say what the recorded one said.
struct Stage {
    server: FaultyPinecone,
    control: PineconeControl,
    data: PineconeData,
    namespace: Namespace,
}

impl Stage {
    async fn set() -> Self {
        let server = FaultyPinecone::start().await.unwrap();
        let client = Arc::new(Client::new("test-key-123".into()).unwrap());
        let address = Host::parse(&server.base_url()).unwrap();
        let namespace = Namespace::parse("ns1").unwrap();
        let host = Host::parse(&format!("{}/hosts/referee-1", server.base_url())).unwrap();
        let control = PineconeControl::with_client(Arc::clone(&client), address);
        let stage = Self { server, control, data: PineconeData::new(client, host, namespace.clone()), namespace };
        stage.control.create(&Self::spec()).await.unwrap();
        stage
    }

    fn spec() -> IndexSpec {
        IndexSpec { name: Self::name(), dimension: 4, deployment: Deployment::default() }
    }

    fn name() -> IndexName {
        IndexName::parse("referee").unwrap()
    }

    /// The last request, beside a recorded one.
    fn expect(&self, file: &str) {
        let requests = self.server.requests();
        assert_eq!(ours(requests.last().unwrap()), recorded(file), "{file}");
    }
}

#[tokio::test]
async fn an_index_is_made_described_and_deleted_as_the_python_client_does() {
    let stage = Stage::set().await;
    let requests = stage.server.requests();
    let mut expected = recorded("001_POST_indexes.http");
    // The recorded one asked for protection and a tag too, which both may be left out.
    let body = expected.body.as_object_mut().unwrap();
    assert!(body.remove("deletion_protection").is_some() && body.remove("tags").is_some());
    assert_eq!(ours(requests.last().unwrap()), expected);
    stage.control.describe(&Stage::name()).await.unwrap();
    stage.expect("002_GET_indexes_referee.http");
    stage.control.delete(&Stage::name()).await.unwrap();
    stage.expect("025_DELETE_indexes_referee.http");
}

#[tokio::test]
async fn vectors_are_written_as_the_python_client_does() {
    let stage = Stage::set().await;
    let outgoing = |id: &str, values: [f32; 4], metadata: Value| Outgoing {
        id: id.to_owned(),
        values: values.into(),
        metadata: metadata.to_string().into_bytes(),
    };
    let upsert = async |vectors: Vec<Outgoing>| {
        for body in Batches::new(&stage.namespace, vectors.into_iter(), BatchLimits { count: 2, bytes: 10_000 }) {
            stage.data.upsert(body.unwrap()).await.unwrap();
        }
    };
    let metadata = json!({"lang": "de", "n": 3, "ok": true, "tags": ["x", "y"]});
    upsert(vec![outgoing("a#1", [1.0, 0.0, 0.0, 0.5], metadata), outgoing("a#2", [0.0, 1.0, 0.0, 0.0], json!({}))])
        .await;
    stage.expect("006_POST_vectors_upsert.http");
    // Five, two at a time.
    #[expect(clippy::cast_precision_loss, reason = "a digit")]
    upsert((0..5).map(|n| outgoing(&format!("b#{n}"), [1.0, n as f32, 0.0, 0.0], json!({}))).collect()).await;
    let requests = stage.server.requests();
    let files = ["007_POST_vectors_upsert.http", "008_POST_vectors_upsert.http", "009_POST_vectors_upsert.http"];
    for (request, file) in requests[requests.len() - 3..].iter().zip(files) {
        assert_eq!(ours(request), recorded(file), "{file}");
    }
    stage.data.delete(&["a#1".to_owned(), "a#2".to_owned()]).await.unwrap();
    stage.expect("018_POST_vectors_delete.http");
}

#[tokio::test]
async fn vectors_are_read_as_the_python_client_does() {
    let stage = Stage::set().await;
    let filter = json!({"$and": [{"lang": {"$eq": "de"}}, {"n": {"$gte": 2}}]});
    let body = QueryBody {
        namespace: "ns1",
        vector: &[1.0, 0.0, 0.0, 0.0],
        top_k: 3,
        filter: &filter,
        include_metadata: true,
        include_values: false,
    };
    stage.data.query(&body).await.unwrap();
    stage.expect("010_POST_query.http");
    stage.data.fetch(&["a#1".to_owned(), "a#2".to_owned()]).await.unwrap();
    stage.expect("015_GET_vectors_fetch.http");
    stage.data.counts().await.unwrap();
    stage.expect("021_POST_describe_index_stats.http");
    stage.data.namespaces().await.unwrap();
    stage.expect("022_GET_namespaces.http");
    stage.data.delete_namespace(&stage.namespace).await.unwrap();
    stage.expect("024_DELETE_namespaces_ns1.http");
}

#[tokio::test]
async fn names_are_listed_as_the_python_client_does_but_for_the_length_of_a_page() {
    let stage = Stage::set().await;
    for (token, file) in [(None, "012_GET_vectors_list.http"), (Some("Tm90aGluZw=="), "013_GET_vectors_list.http")] {
        // The recorded token is none of this server's, which refuses it; what was asked counts.
        let _ = stage.data.list("a#", token).await;
        let mut expected = recorded(file);
        expected.query.retain(|(name, value)| (name.as_str(), value.as_str()) != ("limit", "2"));
        assert_eq!(ours(stage.server.requests().last().unwrap()), expected, "{file}");
    }
}

#[test]
fn the_version_is_the_one_that_the_newest_client_speaks() {
    let version = recorded("002_GET_indexes_referee.http").headers["x-pinecone-api-version"].clone();
    assert_eq!(version.as_deref(), Some(api::VERSION));
}
