//! Frames around boxes that belong together.
//!
//! The library places boxes without regard to frames and draws each frame around its own boxes afterwards, so that others
//! may lie in it. A picture that says what the text does not is not shown: [`mark`] before drawing makes boxes and frames
//! known by number, and [`tell_the_truth`] looks where they came to lie. If they lie, [`as_colours`] makes a colour of each
//! frame, with its boxes told below.

use std::collections::{HashMap, HashSet};

use mermaid_svg::ast::{ClickAction, FlowchartDiagram};

use super::paint::TONES;

/// What a colour stands for.
pub(super) struct Key {
    /// As in `style/diagram.css`.
    pub(super) colour: &'static str,
    /// The frame's name.
    pub(super) name: String,
    /// The words of its boxes.
    pub(super) boxes: Vec<String>,
}

/// Paints boxes in a colour of their frame and takes the frames away; not when there are more frames than colours.
pub(super) fn as_colours(flow: &mut FlowchartDiagram) -> Option<Vec<Key>> {
    let frames = std::mem::take(&mut flow.subgraphs);
    (frames.len() <= TONES.len()).then_some(())?;
    let keys = frames.iter().zip(TONES).map(|(frame, (tone, colour, ..))| {
        let mut boxes = Vec::new();
        for node in flow.nodes.iter_mut().filter(|node| frame.node_ids.contains(&node.id)) {
            node.style.retain(|(key, _)| key != "fill");
            node.style.push(("fill".to_owned(), (*tone).to_owned()));
            boxes.push(if node.text.is_empty() { node.id.clone() } else { node.text.replace("<br>", " ") });
        }
        let name = if frame.label.is_empty() { &frame.id } else { &frame.label };
        Key { colour, name: name.clone(), boxes }
    });
    Some(keys.filter(|key| !key.boxes.is_empty()).collect())
}

/// Numbers boxes and frames in what will be drawn: boxes by a link, which is left out later, frames by a colour.
pub(super) fn mark(flow: &mut FlowchartDiagram) {
    for (number, node) in flow.nodes.iter_mut().enumerate() {
        node.click = Some(ClickAction::Href { url: number.to_string(), tooltip: None, target: None });
    }
    for (number, frame) in flow.subgraphs.iter_mut().enumerate() {
        frame.style = vec![("fill".to_owned(), format!("group-{number}"))];
    }
}

/// Whether no box lies in a frame that it does not belong to.
pub(super) fn tell_the_truth(flow: &FlowchartDiagram, svg: &str) -> bool {
    let places: Vec<Option<(f64, f64)>> = (0..flow.nodes.len()).map(|number| middle(svg, number)).collect();
    let children: HashMap<&str, &Vec<String>> =
        flow.subgraphs.iter().map(|frame| (frame.id.as_str(), &frame.child_subgraph_ids)).collect();
    flow.subgraphs.iter().enumerate().all(|(number, frame)| {
        let Some([x, y, width, height]) = area(svg, number) else { return true };
        let mut within: HashSet<&str> = HashSet::from([frame.id.as_str()]);
        let mut ahead = vec![frame.id.as_str()];
        while let Some(id) = ahead.pop() {
            let inner = children.get(id).into_iter().flat_map(|inner| inner.iter()).map(String::as_str);
            ahead.extend(inner.filter(|id| within.insert(id)));
        }
        let frames = flow.subgraphs.iter().filter(|frame| within.contains(frame.id.as_str()));
        let own: HashSet<&str> = frames.flat_map(|frame| &frame.node_ids).map(String::as_str).collect();
        flow.nodes.iter().zip(&places).all(|(node, place)| {
            own.contains(node.id.as_str())
                || place
                    .is_none_or(|(at_x, at_y)| !(x..=x + width).contains(&at_x) || !(y..=y + height).contains(&at_y))
        })
    })
}

/// Where the words of a box are.
fn middle(svg: &str, number: usize) -> Option<(f64, f64)> {
    let (_, node) = svg.split_once(&format!("<a href=\"{number}\">"))?;
    let (node, _) = node.split_once("</a>")?;
    let text = &node[node.find("<text")?..];
    Some((value(text, "x")?, value(text, "y")?))
}

/// Left, top, width and height of a frame.
fn area(svg: &str, number: usize) -> Option<[f64; 4]> {
    let at = svg.find(&format!("fill=\"group-{number}\""))?;
    let tag = &svg[svg[..at].rfind('<')?..at];
    Some([value(tag, "x")?, value(tag, "y")?, value(tag, "width")?, value(tag, "height")?])
}

fn value(tag: &str, key: &str) -> Option<f64> {
    let (_, value) = tag.split_once(&format!(" {key}=\""))?;
    value.split_once('"')?.0.parse().ok()
}
