//! How is a message shown in a terminal?

use super::blocks::{Block, blocks};
use super::pieces::{Piece, Style, pieces};

/// The message for a terminal: styled by ANSI sequences if `colour`, otherwise with the markers
/// dropped. Control characters of the message never reach the terminal.
pub fn terminal(message: &str, colour: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for block in blocks(message) {
        match block {
            Block::Lines(texts) => {
                lines.extend(texts.iter().map(|text| terminal_line("", text, colour)));
            }
            Block::Quote(texts) => {
                lines.extend(texts.iter().map(|text| terminal_line("│ ", text, colour)));
            }
            Block::Bullets(items) => {
                lines.extend(items.iter().map(|text| terminal_line("• ", text, colour)));
            }
            Block::Numbers(items) => lines.extend(
                items
                    .iter()
                    .map(|(number, text)| terminal_line(&format!("{number}. "), text, colour)),
            ),
            Block::Code(code) => lines.extend(code.lines().map(|line| {
                let mut out = String::new();
                terminal_pieces(&[Piece::Mono(line)], colour, &mut out);
                out
            })),
        }
    }
    lines.join("\n")
}

fn terminal_line(lead: &str, text: &str, colour: bool) -> String {
    let mut out = lead.to_owned();
    terminal_pieces(&pieces(text), colour, &mut out);
    out
}

fn terminal_pieces(pieces: &[Piece<'_>], colour: bool, out: &mut String) {
    for piece in pieces {
        let (on, off) = match piece {
            Piece::Plain(_) => ("", ""),
            Piece::Mono(_) => ("\x1b[36m", "\x1b[39m"),
            Piece::Link(_) => ("\x1b[4m", "\x1b[24m"),
            Piece::Styled(Style::Bold, _) => ("\x1b[1m", "\x1b[22m"),
            Piece::Styled(Style::Italic, _) => ("\x1b[3m", "\x1b[23m"),
            Piece::Styled(Style::Strike, _) => ("\x1b[9m", "\x1b[29m"),
        };
        if colour {
            out.push_str(on);
        }
        match piece {
            Piece::Plain(text) | Piece::Mono(text) | Piece::Link(text) => {
                out.extend(text.chars().filter(|c| !c.is_control()));
            }
            Piece::Styled(_, inner) => terminal_pieces(inner, colour, out),
        }
        if colour {
            out.push_str(off);
        }
    }
}
