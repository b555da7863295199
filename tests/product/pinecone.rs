//! The Pinecone index, made by command.

use cjhirashi_testkit::{
    FaultyPinecone,
    pinecone::{Fault, FaultKind, Plan},
};

use crate::start::run;

/// What the command printed, and what it said when it failed, with its exit code.
async fn init_index(server: &FaultyPinecone, more: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let env = server.env();
    let mut env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    env.extend([("EMBEDDINGS", "openai:test-embedding@256"), ("OPENAI_API_KEY", "unused")]);
    env.extend(more);
    let output = run(&["init-index"], &env).await;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_index_is_made_for_the_embedding_model_and_waited_for_and_found_again() {
    let server = FaultyPinecone::start().await.expect("a server");
    server.set(Plan { ready_after_ms: 1200, ..Plan::default() });
    let (code, said, complained) = init_index(&server, &[]).await;
    assert_eq!(code, Some(0), "{complained}");
    for part in ["\"cjhirashi-knowledge\" is made, in aws us-east-1", "ready at http://", "256 numbers", ": 0 so far"] {
        assert!(said.contains(part), "{said}");
    }
    let (code, said, complained) = init_index(&server, &[]).await;
    assert!(code == Some(0) && said.contains("was there already"), "{said}{complained}");
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_index_of_another_dimension_is_refused_with_the_way_out() {
    let server = FaultyPinecone::start().await.expect("a server");
    init_index(&server, &[("EMBEDDINGS", "openai:test-embedding@64")]).await;
    let (code, _, complained) = init_index(&server, &[]).await;
    assert_eq!(code, Some(1));
    for part in ["vectors of 64 numbers", "256", "PINECONE_INDEX", "cjhirashi reindex", "EMBEDDINGS"] {
        assert!(complained.contains(part), "{complained}");
    }
    let (code, said, complained) = init_index(&server, &[("PINECONE_INDEX", "another")]).await;
    assert!(code == Some(0) && said.contains("\"another\" is made"), "{said}{complained}");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_line_without_the_key() {
    let server = FaultyPinecone::start().await.expect("a server");
    let (code, _, complained) = init_index(&server, &[("PINECONE_API_KEY", "")]).await;
    assert!(code == Some(2) && complained.contains("PINECONE_API_KEY: is not set"), "{complained}");
    let (code, _, complained) = init_index(&server, &[("PINECONE_INDEX", "No Name")]).await;
    assert!(code == Some(2) && complained.contains("PINECONE_INDEX"), "{complained}");
    server.set(Plan { faults: vec![Fault::always(FaultKind::Unauthorized)], ..Plan::default() });
    let (code, _, complained) = init_index(&server, &[]).await;
    assert!(code == Some(1) && complained.contains("check PINECONE_API_KEY"), "{complained}");
    assert!(!complained.contains("faulty-key") && complained.lines().count() == 1, "{complained}");
    let nobody = [("PINECONE_CONTROL_URL", "http://127.0.0.1:1")];
    let (code, _, complained) = init_index(&server, &nobody).await;
    assert!(code == Some(1) && complained.contains("Pinecone does not answer"), "{complained}");
}
