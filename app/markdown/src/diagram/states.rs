//! States that have an inside.
//!
//! The library draws the frame of such a state around whatever happens to lie there. So the state is drawn as any other,
//! and what is inside is a picture of its own below.

use std::collections::HashMap;

use mermaid_svg::ast::StateDiagram;

/// The pictures of a diagram, the whole first, each but that with the name of its state. `None` when an arrow leads from
/// the inside of one state to somewhere else: that cannot be drawn apart.
pub(super) fn apart(diagram: StateDiagram) -> Option<Vec<(Option<String>, StateDiagram)>> {
    if diagram.composites.is_empty() {
        return Some(vec![(None, diagram)]);
    }
    let mut pictures = vec![(None, StateDiagram { direction: diagram.direction, ..StateDiagram::default() })];
    // Where each state is: in the whole, or in the picture of the state that it is inside of.
    let mut at: HashMap<&str, usize> = HashMap::new();
    for frame in &diagram.composites {
        at.extend(frame.regions.iter().flatten().map(|id| (id.as_str(), pictures.len())));
        let label = diagram.states.iter().find(|state| state.id == frame.id).map(|state| state.label.clone());
        pictures.push((Some(label.unwrap_or_else(|| frame.id.clone())), pictures[0].1.clone()));
    }
    let place = |id: &str| at.get(id).copied().unwrap_or(0);
    for state in &diagram.states {
        pictures[place(&state.id)].1.states.push(state.clone());
    }
    for arrow in &diagram.transitions {
        let (from, to) = (place(&arrow.from), place(&arrow.to));
        (from == to).then_some(())?;
        pictures[from].1.transitions.push(arrow.clone());
    }
    for note in &diagram.notes {
        pictures[place(&note.target)].1.notes.push(note.clone());
    }
    // A state with nothing in it has nothing to show.
    pictures.retain(|(label, picture)| label.is_none() || !picture.states.is_empty());
    Some(pictures)
}
