//! Judges who know nothing of us: NeedleDB, an independent server with Pinecone's data plane, and Pinecone's own client.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use cjhirashi_domain::{access::Visibility, id::UserId};
use cjhirashi_testkit::{FaultyPinecone, left_out};
use cjhirashi_vectors::{
    CustomMetadata, VectorIndex as _, VectorRecord,
    pinecone::{Deployment, FetchedVector, Host, IndexName, IndexSpec, Namespace, PineconeIndex, PineconeOptions},
};
use serde_json::{Value, json};

use crate::suite::{axis, conforms, document, key, question, record};

const DIMENSION: usize = 8;
const NAMESPACE: &str = "test:axes@8";

/// A program of the virtual environment that `scripts/fetch-pinecone-referee` makes.
fn program(name: &str) -> Option<PathBuf> {
    // Beside the folder for temporary files that cargo tells: the target folder, wherever that is.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?.join("pinecone-referee");
    let program = folder.join("bin").join(name);
    if folder.join("complete").exists() && program.exists() {
        return Some(program);
    }
    left_out(&format!("{} is missing", program.display()), "run `scripts/fetch-pinecone-referee`");
    None
}

/// Pinecone's own client does something.
async fn client(python: &Path, arguments: &[&str], input: Value) -> Value {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/indexes/referee.py")).args(arguments);
    // The double is on loopback, whatever proxy this machine has.
    command.env("NO_PROXY", "*").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The independent server; it ends when dropped.
struct Needle {
    process: Child,
    address: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Drop for Needle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Needle {
    async fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let process = Command::new(program)
            .args(["serve", "--host", "127.0.0.1", "--log-level", "warning", "--port", &port.to_string(), "--data"])
            .arg(folder.path())
            .env("NEEDLEDB_API_KEY", "referee-key")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let needle = Self { process, address: format!("http://127.0.0.1:{port}"), client, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(60);
        while needle.client.get(format!("{}/health", needle.address)).send().await.is_err() {
            assert!(Instant::now() < deadline, "NeedleDB does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        needle
    }

    /// Makes an index, its own way; gives its address, which has a path.
    async fn make(&self, name: &str) -> String {
        let made = self
            .client
            .post(format!("{}/indexes", self.address))
            .header("api-key", "referee-key")
            .json(&json!({"name": name, "dimension": DIMENSION, "metric": "cosine"}))
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 201);
        format!("{}/indexes/{name}", self.address)
    }
}

fn index_at(host: &str) -> PineconeIndex {
    PineconeIndex::new(PineconeOptions {
        key: "referee-key".into(),
        index: IndexName::parse("knowledge").unwrap(),
        namespace: Namespace::parse(NAMESPACE).unwrap(),
        // There is none.
        control: Host::parse("http://127.0.0.1:1").unwrap(),
        host: Some(Host::parse(host).unwrap()),
        model: NAMESPACE.to_owned(),
        dimension: DIMENSION,
    })
    .unwrap()
}

/// Chunks with everything that can be kept beside them.
fn records() -> Vec<VectorRecord> {
    let mut records: Vec<VectorRecord> = (0..120)
        .map(|seq| {
            let mut values = axis(DIMENSION, seq as usize);
            values[5] = 1.0 / (seq + 3) as f32;
            let visibility = match seq % 3 {
                0 => Visibility::Public,
                1 => Visibility::Private(UserId::parse("ana").unwrap()),
                _ => Visibility::Private(UserId::parse("eva").unwrap()),
            };
            let mut record = record(key(&format!("d{}", seq % 7), 1, seq), values, visibility);
            record.text = Some(format!("¿Cuántos días?\n«Veintidós» – \"{seq}\" 𝄞"));
            record
        })
        .collect();
    let document = Arc::make_mut(&mut records[0].document);
    document.source_url = Some("https://example.org/a?b=c#d".to_owned());
    document.custom = CustomMetadata::parse(
        &json!({"author": "Ana", "pages": 12, "share": 0.25, "final": false, "areas": ["a", "b"]}),
    )
    .unwrap();
    records
}

fn as_json(vectors: &BTreeMap<String, FetchedVector>) -> Value {
    let vectors =
        vectors.iter().map(|(id, vector)| (id.clone(), json!({"values": vector.values, "metadata": vector.metadata})));
    Value::Object(vectors.collect())
}

/// Numbers as single precision, as they are kept.
fn rounded(value: Value) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "on purpose")]
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap() as f32),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}

/// Equal, but for the last digit: NeedleDB keeps vectors of length 1, and their lengths.
fn near(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
}

/// What ours writes the other reads equal, what the other writes ours reads equal, and both find the same.
async fn agree(python: &Path, host: &str) {
    let index = index_at(host);
    index.upsert(records()).await.unwrap();
    let names: Vec<String> = records().iter().map(|record| record.key.to_string()).collect();
    let data = index.data().await.unwrap();
    let ours = data.fetch(&names).await.unwrap();
    assert_eq!(ours.len(), names.len());
    for record in records() {
        assert!(near(&ours[&record.key.to_string()].values, &record.values), "{record:?}");
    }
    let theirs = client(python, &["read", host, NAMESPACE], Value::Null).await;
    assert_eq!(rounded(theirs.clone()), rounded(as_json(&ours)));
    let first = &theirs["d0#1#0"]["metadata"];
    assert_eq!(
        (&first["author"], &first["areas"], &first["final"]),
        (&json!("Ana"), &json!(["a", "b"]), &json!(false))
    );
    assert_eq!((&first["visibility"], &first["createdAt"]), (&json!("public"), &json!(1_790_000_000)));

    // The same question, with the reader's rights.
    let asked = axis(DIMENSION, 1);
    let found = index.query(question(asked.clone(), "ana", None)).await.unwrap().matches;
    let filter = json!({"$or": [{"visibility": "public"}, {"userId": "ana"}]});
    let body = json!({"vector": asked, "top_k": 10, "filter": filter});
    let theirs = client(python, &["query", host, NAMESPACE], body).await;
    let theirs: Vec<(String, f32)> = serde_json::from_value(theirs).unwrap();
    assert_eq!(found.len(), 10);
    for (found, (_, score)) in found.iter().zip(&theirs) {
        assert!((found.score - score).abs() < 1e-5, "{found:?} {score}");
        assert!(
            !ours[&found.key.to_string()].metadata.contains_key("userId")
                || ours[&found.key.to_string()].metadata["userId"] == "ana"
        );
    }

    // The other way round.
    let written: Vec<Value> = (0..30)
        .map(|seq| {
            let metadata = json!({"documentId": "theirs", "chunkIndex": seq, "visibility": "public", "text": "«ñ»"});
            json!({"id": format!("theirs#1#{seq}"), "values": axis(DIMENSION, seq), "metadata": metadata})
        })
        .collect();
    client(python, &["write", host, NAMESPACE], json!(written)).await;
    let names: Vec<String> = (0..30).map(|seq| format!("theirs#1#{seq}")).collect();
    let fetched = data.fetch(&names).await.unwrap();
    for vector in &written {
        let found = &fetched[vector["id"].as_str().unwrap()];
        let values: Vec<f32> = serde_json::from_value(vector["values"].clone()).unwrap();
        assert!(near(&found.values, &values), "{found:?}");
        assert_eq!(json!(found.metadata), vector["metadata"]);
    }
    let listed = index.list(Some(&document("theirs")), None, 100).await.unwrap();
    assert_eq!(listed.len(), 30);
    index.delete_document(&document("theirs"), None).await.unwrap();
    let left = client(python, &["read", host, NAMESPACE], Value::Null).await;
    assert_eq!(left.as_object().unwrap().len(), 120);
}

#[tokio::test]
async fn an_independent_server_with_the_same_interface_conforms() {
    let Some(program) = program("needledb") else { return };
    let needle = Needle::start(&program).await;
    conforms(&index_at(&needle.make("conforms").await)).await;
}

#[tokio::test]
async fn pinecones_own_client_and_ours_agree_over_an_independent_server() {
    let (Some(needledb), Some(python)) = (program("needledb"), program("python")) else { return };
    let needle = Needle::start(&needledb).await;
    agree(&python, &needle.make("agree").await).await;
}

#[tokio::test]
async fn pinecones_own_client_and_ours_agree_over_the_faulty_server() {
    let Some(python) = program("python") else { return };
    let server = FaultyPinecone::start().await.unwrap();
    let name = IndexName::parse("knowledge").unwrap();
    let control = cjhirashi_vectors::pinecone::PineconeControl::new(
        "referee-key".into(),
        Host::parse(&server.base_url()).unwrap(),
    )
    .unwrap();
    let spec = IndexSpec { name: name.clone(), dimension: DIMENSION, deployment: Deployment::default() };
    control.create(&spec).await.unwrap();
    let host = control.describe(&name).await.unwrap().unwrap().host;
    agree(&python, &host).await;
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn pinecones_own_client_takes_the_faulty_server_for_pinecone() {
    let Some(python) = program("python") else { return };
    let server = FaultyPinecone::start().await.unwrap();
    assert_eq!(client(&python, &["tour", &server.base_url()], Value::Null).await, "done");
    // Its deliberate mistake, a vector of another dimension, keeps to the description.
    assert_eq!(server.violations(), Vec::<String>::new());
}
