//! How is a message shown on a page?

use std::fmt::Write as _;

use super::blocks::{Block, blocks};
use super::pieces::{Piece, Style, pieces};

/// The message as HTML. Everything that came from outside is escaped; the only tags are `b`, `i`,
/// `s`, `code`, `pre`, `ul`, `ol`, `li`, `blockquote`, `br`, and `a` with an `https` address.
pub fn html(message: &str) -> String {
    let mut out = String::with_capacity(message.len() + message.len() / 4);
    let mut after_line = false;
    for block in blocks(message) {
        let is_lines = matches!(block, Block::Lines(_));
        if is_lines && after_line {
            out.push_str("<br>");
        }
        after_line = is_lines;
        match block {
            Block::Lines(lines) => html_lines(&lines, &mut out),
            Block::Quote(lines) => {
                out.push_str("<blockquote>");
                html_lines(&lines, &mut out);
                out.push_str("</blockquote>");
            }
            Block::Bullets(items) => {
                out.push_str("<ul>");
                for item in items {
                    out.push_str("<li>");
                    html_pieces(&pieces(item), &mut out);
                    out.push_str("</li>");
                }
                out.push_str("</ul>");
            }
            Block::Numbers(items) => {
                let first = items.first().map_or(1, |(number, _)| *number);
                let _ = write!(out, "<ol start=\"{first}\">");
                for (_, item) in items {
                    out.push_str("<li>");
                    html_pieces(&pieces(item), &mut out);
                    out.push_str("</li>");
                }
                out.push_str("</ol>");
            }
            Block::Code(code) => {
                let _ = write!(out, "<pre>{}</pre>", escape(code));
            }
        }
    }
    out
}

/// The text with HTML's special characters replaced, fit for content and for quoted attributes.
/// Control characters other than line breaks and tabs are left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn html_lines(lines: &[&str], out: &mut String) {
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push_str("<br>");
        }
        html_pieces(&pieces(line), out);
    }
}

fn html_pieces(pieces: &[Piece<'_>], out: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Plain(text) => out.push_str(&escape(text)),
            Piece::Mono(text) => {
                let _ = write!(out, "<code>{}</code>", escape(text));
            }
            Piece::Link(url) => {
                let url = escape(url);
                let _ = write!(
                    out,
                    "<a href=\"{url}\" rel=\"noopener noreferrer\" target=\"_blank\">{url}</a>"
                );
            }
            Piece::Styled(style, inner) => {
                let tag = match style {
                    Style::Bold => 'b',
                    Style::Italic => 'i',
                    Style::Strike => 's',
                };
                let _ = write!(out, "<{tag}>");
                html_pieces(inner, out);
                let _ = write!(out, "</{tag}>");
            }
        }
    }
}
