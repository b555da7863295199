//! Every vector there is, in half precision, with what is needed to filter and name it.
//!
//! A slot is a place in the table; slots are only appended. A deleted entry stays as a dead slot until the table is
//! compacted, because the graph knows entries by their slot.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

use cjhirashi_domain::{
    access::Visibility,
    id::{DocumentId, UserId},
};
use half::{f16, slice::HalfFloatSliceExt as _};

use crate::{ChunkKey, IndexFilter, vector::dot};

/// Slots per block of vectors. Full blocks never change, so a checkpoint shares them instead of copying.
pub(super) const BLOCK: usize = 1024;

/// The owner number of public entries.
const PUBLIC: u32 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) ordinal: i64,
    pub(super) document: u32,
    pub(super) version: i32,
    pub(super) seq: i32,
    pub(super) owner: u32,
    pub(super) alive: bool,
}

/// Names that entries refer to by number.
#[derive(Debug, Clone)]
struct Names<T> {
    numbers: HashMap<T, u32>,
    names: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Names<T> {
    fn new() -> Self {
        Self { numbers: HashMap::new(), names: Vec::new() }
    }

    fn intern(&mut self, name: &T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // Four thousand million documents do not fit into the memory of one process.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

/// A slot and its cosine, ordered by cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) score: f32,
    pub(super) slot: u32,
}

impl Eq for Scored {}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.slot.cmp(&self.slot))
    }
}

/// The best so far, worst on top.
pub(super) struct Best {
    heap: BinaryHeap<std::cmp::Reverse<Scored>>,
    limit: usize,
}

impl Best {
    pub(super) fn new(limit: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(limit.min(10_000) + 1), limit }
    }

    pub(super) fn offer(&mut self, scored: Scored) {
        if self.heap.len() < self.limit {
            self.heap.push(std::cmp::Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored > worst.0
        {
            *worst = std::cmp::Reverse(scored);
        }
    }

    pub(super) fn into_sorted(self) -> Vec<Scored> {
        // Ascending in `Reverse` is best first.
        self.heap.into_sorted_vec().into_iter().map(|reverse| reverse.0).collect()
    }
}

/// Who and what a query may find, in numbers.
pub(super) struct Allowed {
    reader: Option<u32>,
    /// Sorted document numbers.
    documents: Option<Vec<u32>>,
}

impl Allowed {
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        entry.alive
            && (entry.owner == PUBLIC || Some(entry.owner) == self.reader)
            && self.documents.as_ref().is_none_or(|documents| documents.binary_search(&entry.document).is_ok())
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    dimension: usize,
    entries: Vec<Entry>,
    full: Vec<Arc<[f16]>>,
    tail: Vec<f16>,
    documents: Names<DocumentId>,
    owners: Names<Option<UserId>>,
    slots: HashMap<(u32, i32, i32), u32>,
    slots_of: Vec<Vec<u32>>,
    alive_of: Vec<usize>,
}

/// What a checkpoint writes: cheap to take, and detached from the table.
pub(super) struct Snapshot {
    pub(super) entries: Vec<Entry>,
    pub(super) blocks: Vec<Arc<[f16]>>,
    pub(super) documents: Vec<DocumentId>,
    pub(super) owners: Vec<Option<UserId>>,
}

impl Table {
    pub(super) fn new(dimension: usize) -> Self {
        let mut owners = Names::new();
        owners.intern(&None); // number 0: PUBLIC
        Self {
            dimension,
            entries: Vec::new(),
            full: Vec::new(),
            tail: Vec::new(),
            documents: Names::new(),
            owners,
            slots: HashMap::new(),
            slots_of: Vec::new(),
            alive_of: vec![0],
        }
    }

    /// Rebuilds the table of a snapshot; `None` when its numbers do not fit together.
    pub(super) fn restore(dimension: usize, snapshot: Snapshot) -> Option<Self> {
        let mut table = Self::new(dimension);
        if snapshot.owners.first() != Some(&None) {
            return None;
        }
        for owner in &snapshot.owners {
            table.owners.intern(owner);
        }
        for document in &snapshot.documents {
            table.documents.intern(document);
        }
        let names_fit = table.owners.names.len() == snapshot.owners.len()
            && table.documents.names.len() == snapshot.documents.len();
        let rows: usize = snapshot.blocks.iter().map(|block| block.len()).sum();
        if !names_fit || rows != snapshot.entries.len() * dimension {
            return None;
        }
        table.alive_of = vec![0; table.owners.names.len()];
        table.slots_of = vec![Vec::new(); table.documents.names.len()];
        for (slot, entry) in snapshot.entries.iter().enumerate() {
            let slot = u32::try_from(slot).ok()?;
            if entry.alive {
                *table.alive_of.get_mut(entry.owner as usize)? += 1;
                table.slots_of.get_mut(entry.document as usize)?.push(slot);
                let key = (entry.document, entry.version, entry.seq);
                if table.slots.insert(key, slot).is_some() {
                    return None;
                }
            }
        }
        for block in snapshot.blocks {
            if block.len() == BLOCK * dimension && table.tail.is_empty() {
                table.full.push(block);
            } else if table.tail.is_empty() && block.len() < BLOCK * dimension {
                table.tail = block.to_vec();
            } else {
                return None;
            }
        }
        table.entries = snapshot.entries;
        Some(table)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut blocks = self.full.clone();
        if !self.tail.is_empty() {
            blocks.push(self.tail.as_slice().into());
        }
        Snapshot {
            entries: self.entries.clone(),
            blocks,
            documents: self.documents.names.clone(),
            owners: self.owners.names.clone(),
        }
    }

    /// Slots, dead ones included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn alive(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn memory(&self) -> usize {
        self.entries.len() * (size_of::<Entry>() + 2 * self.dimension + 24)
    }

    /// Adds an entry, replacing one of the same key. `unit` has length 1 and the right dimension.
    pub(super) fn put(&mut self, key: &ChunkKey, ordinal: i64, visibility: &Visibility, unit: &[f32]) {
        let owner = match visibility {
            Visibility::Public => PUBLIC,
            Visibility::Private(user) => self.owners.intern(&Some(user.clone())),
        };
        let document = self.documents.intern(&key.document_id);
        self.alive_of.resize(self.owners.names.len(), 0);
        self.slots_of.resize_with(self.documents.names.len(), Vec::new);
        let Ok(slot) = u32::try_from(self.entries.len()) else { return };
        if let Some(old) = self.slots.insert((document, key.version, key.seq), slot) {
            self.bury(old);
        }
        self.entries.push(Entry { ordinal, document, version: key.version, seq: key.seq, owner, alive: true });
        self.tail.extend(unit.iter().map(|value| f16::from_f32(*value)));
        if self.tail.len() == BLOCK * self.dimension {
            self.full.push(std::mem::take(&mut self.tail).into());
        }
        self.alive_of[owner as usize] += 1;
        self.slots_of[document as usize].push(slot);
    }

    /// Marks a slot dead; the caller has taken it out of `slots`.
    fn bury(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        if std::mem::replace(&mut entry.alive, false) {
            self.alive_of[entry.owner as usize] -= 1;
            self.slots_of[entry.document as usize].retain(|other| *other != slot);
        }
    }

    pub(super) fn delete(&mut self, key: &ChunkKey) -> bool {
        let Some(document) = self.documents.numbers.get(&key.document_id) else { return false };
        let Some(slot) = self.slots.remove(&(*document, key.version, key.seq)) else { return false };
        self.bury(slot);
        true
    }

    pub(super) fn delete_document(&mut self, document: &DocumentId, keep_version: Option<i32>) -> usize {
        let Some(number) = self.documents.numbers.get(document).copied() else { return 0 };
        let mut gone = 0;
        let slots = std::mem::take(&mut self.slots_of[number as usize]);
        for slot in slots {
            let Some(entry) = self.entries.get_mut(slot as usize) else { continue };
            if Some(entry.version) == keep_version {
                self.slots_of[number as usize].push(slot);
            } else {
                entry.alive = false;
                self.alive_of[entry.owner as usize] -= 1;
                self.slots.remove(&(number, entry.version, entry.seq));
                gone += 1;
            }
        }
        gone
    }

    /// Whether dead slots have become too many.
    pub(super) fn wants_compaction(&self) -> bool {
        let dead = self.len() - self.alive();
        dead > BLOCK && dead > self.alive() / 3
    }

    /// The same entries without dead slots; slots change.
    pub(super) fn compacted(&self) -> Self {
        let mut fresh = Self::new(self.dimension);
        let mut values = vec![0.0; self.dimension];
        for (slot, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.alive) {
            self.read(slot, &mut values);
            let visibility = match &self.owners.names[entry.owner as usize] {
                None => Visibility::Public,
                Some(user) => Visibility::Private(user.clone()),
            };
            fresh.put(&self.key(entry), entry.ordinal, &visibility, &values);
        }
        fresh
    }

    fn key(&self, entry: &Entry) -> ChunkKey {
        ChunkKey {
            document_id: self.documents.names[entry.document as usize].clone(),
            version: entry.version,
            seq: entry.seq,
        }
    }

    pub(super) fn key_of(&self, slot: u32) -> Option<ChunkKey> {
        self.entries.get(slot as usize).map(|entry| self.key(entry))
    }

    /// Keys of one document, or all.
    pub(super) fn keys(&self, document: Option<&DocumentId>) -> Vec<ChunkKey> {
        match document {
            None => self.entries.iter().filter(|entry| entry.alive).map(|entry| self.key(entry)).collect(),
            Some(document) => {
                let number = self.documents.numbers.get(document);
                number.map_or_else(Vec::new, |number| {
                    self.slots_of[*number as usize].iter().filter_map(|slot| self.key_of(*slot)).collect()
                })
            }
        }
    }

    /// Documents with entries: their versions, how many entries of each, and the owner.
    pub(super) fn holdings(&self) -> Vec<super::Holding> {
        let mut all = Vec::with_capacity(self.documents.names.len());
        for number in 0..self.documents.names.len() {
            self.hold(number, &mut all);
        }
        all
    }

    pub(super) fn holdings_of(&self, document: &DocumentId) -> Vec<super::Holding> {
        let mut all = Vec::new();
        if let Some(number) = self.documents.numbers.get(document) {
            self.hold(*number as usize, &mut all);
        }
        all
    }

    fn hold(&self, number: usize, all: &mut Vec<super::Holding>) {
        let mut counts: HashMap<(i32, u32), usize> = HashMap::new();
        for slot in &self.slots_of[number] {
            let entry = &self.entries[*slot as usize];
            *counts.entry((entry.version, entry.owner)).or_default() += 1;
        }
        all.extend(counts.into_iter().map(|((version, owner), chunks)| super::Holding {
            document_id: self.documents.names[number].clone(),
            version,
            owner: self.owners.names[owner as usize].clone(),
            chunks,
        }));
    }

    pub(super) fn allowed(&self, filter: &IndexFilter) -> Allowed {
        let documents = filter.documents.as_ref().map(|documents| {
            let mut numbers: Vec<u32> =
                documents.iter().filter_map(|document| self.documents.numbers.get(document).copied()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        });
        Allowed { reader: self.owners.numbers.get(&Some(filter.reader.clone())).copied(), documents }
    }

    /// At most how many entries a query may find.
    pub(super) fn count(&self, allowed: &Allowed) -> usize {
        let of_reader = allowed.reader.map_or(0, |reader| self.alive_of[reader as usize]);
        let by_owner = self.alive_of[PUBLIC as usize] + of_reader;
        match &allowed.documents {
            None => by_owner,
            Some(documents) => {
                let of_documents: usize = documents.iter().map(|number| self.slots_of[*number as usize].len()).sum();
                of_documents.min(by_owner)
            }
        }
    }

    pub(super) fn admits(&self, slot: u64, allowed: &Allowed) -> bool {
        usize::try_from(slot).ok().and_then(|slot| self.entries.get(slot)).is_some_and(|entry| allowed.admits(entry))
    }

    pub(super) fn is_alive(&self, slot: usize) -> bool {
        self.entries.get(slot).is_some_and(|entry| entry.alive)
    }

    fn row(&self, slot: usize) -> &[f16] {
        let (block, row) = (slot / BLOCK, slot % BLOCK);
        let values: &[f16] = self.full.get(block).map_or(&self.tail, |block| block);
        values.get(row * self.dimension..(row + 1) * self.dimension).unwrap_or(&[])
    }

    /// Copies a vector out as single precision.
    pub(super) fn read(&self, slot: usize, into: &mut [f32]) {
        let row = self.row(slot);
        if row.len() == into.len() {
            row.convert_to_f32_slice(into);
        }
    }

    /// Scores the admitted entries of `from` one by one.
    pub(super) fn scan(&self, query: &[f32], allowed: &Allowed, from: usize, best: &mut Best) {
        let mut values = vec![0.0; self.dimension];
        let mut score = |slot: usize| {
            self.read(slot, &mut values);
            if let Ok(number) = u32::try_from(slot) {
                best.offer(Scored { score: dot(query, &values), slot: number });
            }
        };
        match &allowed.documents {
            Some(documents) => {
                for slot in documents.iter().flat_map(|number| &self.slots_of[*number as usize]) {
                    let slot = *slot as usize;
                    if slot >= from && allowed.admits(&self.entries[slot]) {
                        score(slot);
                    }
                }
            }
            None => {
                for (slot, entry) in self.entries.iter().enumerate().skip(from) {
                    if allowed.admits(entry) {
                        score(slot);
                    }
                }
            }
        }
    }

    /// Scores given slots.
    pub(super) fn rescore(&self, query: &[f32], slots: &[u64], best: &mut Best) {
        let mut values = vec![0.0; self.dimension];
        for slot in slots {
            let (Ok(index), Ok(number)) = (usize::try_from(*slot), u32::try_from(*slot)) else { continue };
            if self.is_alive(index) {
                self.read(index, &mut values);
                best.offer(Scored { score: dot(query, &values), slot: number });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order_whatever_order_they_come_in() {
        let mut best = Best::new(3);
        for (slot, score) in [0.1, 0.9, 0.5, 0.7, 0.2].into_iter().enumerate() {
            best.offer(Scored { score, slot: u32::try_from(slot).unwrap() });
        }
        assert_eq!(best.into_sorted().iter().map(|scored| scored.slot).collect::<Vec<_>>(), [1, 3, 2]);
    }
}
