//! Which value or key of a file stands at this byte?

use super::node::{Content, Node};

/// The path of the innermost value or key that begins at or around a byte.
pub(super) fn path_at(root: &Node, offset: usize) -> String {
    let mut node = root;
    let mut path = String::new();
    loop {
        let next = match node.content() {
            Content::Scalar(_) => None,
            Content::List(list) => list
                .iter()
                .enumerate()
                .rfind(|(_, child)| child.span.start <= offset)
                .filter(|(_, child)| reaches(child, offset))
                .map(|(index, child)| (child, format!("[{index}]"))),
            Content::Map(entries) => entries
                .iter()
                .rfind(|(key, _)| key.file == node.file && key.span.start <= offset)
                .filter(|(_, child)| reaches(child, offset))
                .map(|(key, child)| {
                    let dot = if path.is_empty() { "" } else { "." };
                    (child, format!("{dot}{}", key.text))
                }),
        };
        let Some((child, step)) = next else { return path };
        path.push_str(&step);
        node = child;
    }
}

/// Whether a byte belongs to this value; a block mapping ends where the next key begins.
fn reaches(node: &Node, offset: usize) -> bool {
    offset < node.span.end || (offset == node.span.end && node.scalar().is_some())
}
