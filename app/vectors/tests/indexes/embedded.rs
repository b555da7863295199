//! The embedded index.

use cjhirashi_vectors::{EmbeddedIndex, EmbeddedOptions};

use crate::suite::conforms;

#[tokio::test]
async fn the_embedded_index_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        EmbeddedOptions { folder: folder.path().join("index"), model: "test:axes@8".to_owned(), dimension: 8 };
    let (index, _) = EmbeddedIndex::open(options).await.unwrap();
    conforms(&index).await;
}
