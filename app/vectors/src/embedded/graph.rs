//! The HNSW graph over the table's slots, for tables that are too large to be scored one by one.
//!
//! `usearch` is C++ behind a foreign function interface. Read in its source (2.26), and guarded here:
//! - A search reads nodes without locks while an insertion writes them: never both at once. The graph therefore
//!   lives in a lock, searches share it, an insertion has it alone.
//! - `reserve` reallocates everything: also alone, and in doubling steps.
//! - Each running call needs one of the reserved thread contexts; without a free one it fails. Callers hold a permit.
//! - A wrong number of dimensions is refused by an exception, which arrives as `Err`; NaN is not refused and, as the
//!   C++ is compiled with `-ffast-math`, may do anything. Vectors are checked before they come here.
//! - The filter is called from C++ through `extern "C"`, where a panic would abort the process: it must not panic.
//! - `remove` recycles nodes by relinking them. It is not used: dead slots are filtered, and the table is compacted.
//! - `load` trusts its file. Only a file whose checksum matches is given to it.

use std::path::Path;

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

/// Calls that may run in the graph at the same time.
pub(super) const THREADS: usize = 8;

/// Neighbours looked at per insertion and, at least, per search.
const EXPANSION_ADD: usize = 128;
pub(super) const EXPANSION_SEARCH: usize = 128;
const CONNECTIVITY: usize = 16;

/// The graph failed; it is dropped and built anew.
#[derive(Debug, thiserror::Error)]
#[error("the graph of the embedded index failed: {0}")]
pub(super) struct GraphError(String);

fn failed(error: impl std::fmt::Display) -> GraphError {
    GraphError(error.to_string())
}

/// Slots `0..covered` are in it, except those that were dead when their turn came.
pub(super) struct Graph {
    index: Index,
    covered: usize,
    dimension: usize,
}

impl Graph {
    pub(super) fn new(dimension: usize) -> Result<Self, GraphError> {
        let options = IndexOptions {
            dimensions: dimension,
            metric: MetricKind::Cos,
            // One byte per number is enough to walk the graph; what is found is scored again in half precision.
            quantization: ScalarKind::I8,
            connectivity: CONNECTIVITY,
            expansion_add: EXPANSION_ADD,
            expansion_search: EXPANSION_SEARCH,
            multi: false,
        };
        let index = Index::new(&options).map_err(failed)?;
        Ok(Self { index, covered: 0, dimension })
    }

    pub(super) fn covered(&self) -> usize {
        self.covered
    }

    pub(super) fn memory(&self) -> usize {
        self.index.memory_usage()
    }

    /// Takes the next slot in, or passes over it when it is dead (`None`).
    pub(super) fn push(&mut self, vector: Option<&[i8]>) -> Result<(), GraphError> {
        if let Some(vector) = vector {
            if vector.len() != self.dimension {
                return Err(failed("a vector has the wrong dimension"));
            }
            if self.index.size() + 1 > self.index.capacity() {
                let capacity = (self.index.capacity() * 2).max(4 * super::table::BLOCK);
                self.index.reserve_capacity_and_threads(capacity, THREADS).map_err(failed)?;
            }
            self.index.add(self.covered as u64, vector).map_err(failed)?;
        }
        self.covered += 1;
        Ok(())
    }

    /// The slots nearest to a vector among those that the filter admits. The filter must not panic.
    pub(super) fn search(
        &self,
        vector: &[i8],
        count: usize,
        admits: impl Fn(u64) -> bool,
    ) -> Result<Vec<u64>, GraphError> {
        if vector.len() != self.dimension {
            return Err(failed("a vector has the wrong dimension"));
        }
        if self.index.size() == 0 || count == 0 {
            return Ok(Vec::new());
        }
        let matches = self.index.filtered_search(vector, count, admits).map_err(failed)?;
        Ok(matches.keys)
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), GraphError> {
        let path = path.to_str().ok_or_else(|| failed("the path is not UTF-8"))?;
        self.index.save(path).map_err(failed)
    }

    /// Reads a file whose checksum was verified.
    pub(super) fn load(path: &Path, dimension: usize, covered: usize) -> Result<Self, GraphError> {
        let path = path.to_str().ok_or_else(|| failed("the path is not UTF-8"))?;
        let graph = Self::new(dimension)?;
        graph.index.load(path).map_err(failed)?;
        if graph.index.dimensions() != dimension || graph.index.size() > covered {
            return Err(failed("the file is of another index"));
        }
        let capacity = graph.index.size().next_power_of_two().max(4 * super::table::BLOCK);
        graph.index.reserve_capacity_and_threads(capacity, THREADS).map_err(failed)?;
        graph.index.change_expansion_add(EXPANSION_ADD);
        graph.index.change_expansion_search(EXPANSION_SEARCH);
        Ok(Self { covered, ..graph })
    }
}

/// One byte per number: the largest becomes 127. The cosine does not know the scale.
pub(super) fn quantise(vector: &[f32]) -> Vec<i8> {
    let largest = vector.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "the value lies within -127 and 127")]
    vector.iter().map(|value| (value * scale).round() as i8).collect()
}
