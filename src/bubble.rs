//! What will the customer see? WhatsApp markup as HTML, or for a terminal.
//!
//! WhatsApp knows `*bold*`, `_italic_`, `~strike~`, `` `mono` ``, a block between three backticks,
//! `- ` and `* ` bullets, `1. ` numbers and `> ` quotes. Markers act only at the edge of a word and
//! without a space inside, there is no escape character, and nothing spans two lines but a block.

use std::fmt::Write as _;

const FENCE: &str = "```";
const LINK_START: &str = "https://";

/// A stretch of text within one line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Mono(&'a str),
    Link(&'a str),
    Styled(Style, Vec<Piece<'a>>),
}

/// What a pair of markers does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Bold,
    Italic,
    Strike,
}

/// Some lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block<'a> {
    Lines(Vec<&'a str>),
    Bullets(Vec<&'a str>),
    Numbers(Vec<(u32, &'a str)>),
    Quote(Vec<&'a str>),
    Code(&'a str),
}

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

/// The text with HTML's special characters replaced, fit for content and for quoted attributes.
/// Control characters other than line breaks and tabs are left out.
pub fn escape(text: &str) -> String {
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

/// Cuts a message into blocks; the fences of code come first, for nothing acts between them.
fn blocks(message: &str) -> Vec<Block<'_>> {
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

fn pieces(line: &str) -> Vec<Piece<'_>> {
    styled_pieces(line, &[('*', Style::Bold), ('_', Style::Italic), ('~', Style::Strike)])
}

/// The pieces of a line in which these markers act. Each recursion has one marker less, and a
/// marker that found no partner is not looked for again, so the work is linear in the line.
fn styled_pieces<'a>(line: &'a str, markers: &[(char, Style)]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut alone: Vec<char> = Vec::new();
    let mut plain_from = 0;
    let mut at = 0;
    let mut before: Option<char> = None;
    while let Some(c) = line[at..].chars().next() {
        let at_edge = before.is_none_or(|c| !c.is_alphanumeric());
        let found = if c == '`' && !alone.contains(&c) {
            let end = line[at + 1..].find('`').map(|length| at + 1 + length);
            if end.is_none() {
                alone.push(c);
            }
            end.filter(|end| !line[at + 1..*end].trim().is_empty())
                .map(|end| (Piece::Mono(&line[at + 1..end]), end + 1))
        } else if c == 'h' && at_edge && line[at..].starts_with(LINK_START) {
            let url = link(&line[at..]);
            url.map(|url| (Piece::Link(url), at + url.len()))
        } else if let Some((marker, style)) =
            markers.iter().find(|(marker, _)| *marker == c && at_edge && !alone.contains(marker))
        {
            let end = closing(line, at, *marker);
            if end == Closing::Never {
                alone.push(c);
            }
            if let Closing::At(end) = end {
                let fewer: Vec<_> = markers.iter().copied().filter(|(m, _)| m != marker).collect();
                let inner = styled_pieces(&line[at + 1..end], &fewer);
                Some((Piece::Styled(*style, inner), end + 1))
            } else {
                None
            }
        } else {
            None
        };
        if let Some((piece, end)) = found {
            if plain_from < at {
                pieces.push(Piece::Plain(&line[plain_from..at]));
            }
            pieces.push(piece);
            before = line[..end].chars().next_back();
            at = end;
            plain_from = end;
        } else {
            before = Some(c);
            at += c.len_utf8();
        }
    }
    if plain_from < line.len() {
        pieces.push(Piece::Plain(&line[plain_from..]));
    }
    pieces
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    At(usize),
    /// This one opens nothing.
    NotHere,
    /// No marker of this kind closes anything in the rest of the line.
    Never,
}

/// Where the marker that opens at `open` closes: after a character that is no space, before one
/// that belongs to no word.
fn closing(line: &str, open: usize, marker: char) -> Closing {
    let inside = &line[open + 1..];
    match inside.chars().next() {
        None => return Closing::Never,
        Some(c) if c.is_whitespace() || c == marker => return Closing::NotHere,
        Some(_) => {}
    }
    let mut before: Option<char> = None;
    let mut chars = inside.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        let closes = c == marker
            && before.is_some_and(|c| !c.is_whitespace())
            && after.is_none_or(|c| !c.is_alphanumeric());
        if closes {
            return Closing::At(open + 1 + index);
        }
        before = Some(c);
    }
    Closing::Never
}

/// The address at the start of `text`, without the punctuation that ends a sentence.
fn link(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`".contains(c))
        .unwrap_or(text.len());
    let url = text[..end].trim_end_matches(|c| ".,;:!?)]}'*_~".contains(c));
    (url.len() > LINK_START.len()).then_some(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{html, terminal};

    #[test]
    fn markers_act_at_the_edges_of_words_only() {
        for (message, expected) in [
            ("*bold* _it_ ~no~ `x_y_z`", "<b>bold</b> <i>it</i> <s>no</s> <code>x_y_z</code>"),
            ("*_both_*", "<b><i>both</i></b>"),
            ("(*in brackets*).", "(<b>in brackets</b>)."),
            ("is*Rafael* _ My Name_", "is*Rafael* _ My Name_"),
            ("snake_case_name", "snake_case_name"),
            ("a***b 2 * 3 * 4", "a***b 2 * 3 * 4"),
            ("__init__", "_<i>init</i>_"),
            ("*never closed", "*never closed"),
            ("*two\nlines*", "*two<br>lines*"),
        ] {
            assert_eq!(html(message), expected, "{message}");
        }
    }

    #[test]
    fn lists_quotes_and_blocks_stand_by_themselves() {
        assert_eq!(
            html("Lines:\n- a\n* *b*\n> said\n3. c\n4. d\nend"),
            "Lines:<ul><li>a</li><li><b>b</b></li></ul><blockquote>said</blockquote>\
             <ol start=\"3\"><li>c</li><li>d</li></ol>end"
        );
        assert_eq!(html("x\n```\nlet *a* = 1;\n```\ny"), "x<pre>let *a* = 1;</pre>y");
        assert_eq!(html("```never closed"), "```never closed");
    }

    #[test]
    fn only_https_addresses_become_links_and_their_underscores_survive() {
        assert_eq!(
            html("see https://x.example/a_b_c, now"),
            "see <a href=\"https://x.example/a_b_c\" rel=\"noopener noreferrer\" \
             target=\"_blank\">https://x.example/a_b_c</a>, now"
        );
        for message in ["javascript:alert(1)", "http://x.example/", "https://"] {
            assert!(!html(message).contains("<a"), "{message}");
        }
    }

    #[test]
    fn foreign_tags_are_shown_and_never_act() {
        assert_eq!(
            html("<script>alert('&')</script>*<b>*"),
            "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;<b>&lt;b&gt;</b>"
        );
        assert!(!html("https://x.example/\"onmouseover=alert(1)").contains("\"onmouseover"));
    }

    #[test]
    fn a_terminal_gets_styles_only_with_colour_and_never_the_messages_own_escapes() {
        assert_eq!(terminal("*Paid* `A-1`\n- one", false), "Paid A-1\n• one");
        assert_eq!(
            terminal("*Paid* `A-1`", true),
            "\u{1b}[1mPaid\u{1b}[22m \u{1b}[36mA-1\u{1b}[39m"
        );
        assert_eq!(terminal("\u{1b}[2Jgone\u{7}", false), "[2Jgone");
    }

    #[test]
    fn a_long_line_of_lonely_markers_is_read_in_linear_time() {
        let line = "*a _b ~c `".repeat(20_000);
        assert!(html(&line).len() >= line.len());
    }

    fn without_our_tags(html: &str) -> String {
        let mut rest = html.to_owned();
        for tag in ["b", "i", "s", "code", "pre", "ul", "ol", "li", "blockquote"] {
            rest = rest.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
        }
        for number in 0..1000 {
            rest = rest.replace(&format!("<ol start=\"{number}\">"), "");
        }
        rest = rest.replace("<br>", "").replace("</a>", "");
        while let Some(start) = rest.find("<a href=\"https://") {
            let tail = " rel=\"noopener noreferrer\" target=\"_blank\">";
            let Some(length) = rest[start..].find(tail) else { break };
            let url = &rest[start + "<a href=\"".len()..start + length - 1];
            assert!(!url.contains(['"', '<', '>']), "{url}");
            rest.replace_range(start..start + length + tail.len(), "");
        }
        rest
    }

    proptest! {
        #[test]
        fn no_message_brings_a_tag_of_its_own(
            message in "([*_~`<>&\"' \n#a-c0-9.-]|```|https://|<b>|<script>|> |- |\\PC){0,60}"
        ) {
            let rest = without_our_tags(&html(&message));
            prop_assert!(!rest.contains(['<', '>', '"', '\'']), "{rest}");
        }

        #[test]
        fn a_terminal_never_gets_a_control_character(message in any::<String>()) {
            prop_assert!(!terminal(&message, false).contains(|c: char| c.is_control() && c != '\n'));
        }
    }
}
