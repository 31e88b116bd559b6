//! Which lines of a message belong together?

const FENCE: &str = "```";

/// Some lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block<'a> {
    Lines(Vec<&'a str>),
    Bullets(Vec<&'a str>),
    Numbers(Vec<(u32, &'a str)>),
    Quote(Vec<&'a str>),
    Code(&'a str),
}

/// Cuts a message into blocks; the fences of code come first, for nothing acts between them.
pub(super) fn blocks(message: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(FENCE) {
        let Some((code, following)) = after.split_once(FENCE) else { break };
        if code.trim().is_empty() {
            break;
        }
        text_blocks(before.strip_suffix('\n').unwrap_or(before), &mut blocks);
        blocks.push(Block::Code(code.trim_matches('\n')));
        rest = following.strip_prefix('\n').unwrap_or(following);
    }
    text_blocks(rest, &mut blocks);
    blocks
}

fn text_blocks<'a>(text: &'a str, blocks: &mut Vec<Block<'a>>) {
    if text.is_empty() {
        return;
    }
    // A block of code ends what came before it, so neighbours are joined within this text only.
    let start = blocks.len();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let last = if blocks.len() > start { blocks.last_mut() } else { None };
        if let Some(quoted) = line.strip_prefix("> ") {
            match last {
                Some(Block::Quote(lines)) => lines.push(quoted),
                _ => blocks.push(Block::Quote(vec![quoted])),
            }
        } else if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            match last {
                Some(Block::Bullets(items)) => items.push(item),
                _ => blocks.push(Block::Bullets(vec![item])),
            }
        } else if let Some(item) = numbered(line) {
            match last {
                Some(Block::Numbers(items)) => items.push(item),
                _ => blocks.push(Block::Numbers(vec![item])),
            }
        } else {
            match last {
                Some(Block::Lines(lines)) => lines.push(line),
                _ => blocks.push(Block::Lines(vec![line])),
            }
        }
    }
}

fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, item) = line.split_once(". ")?;
    let fits = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| Some((number.parse().ok()?, item))).flatten()
}
