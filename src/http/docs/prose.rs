//! Descriptions as HTML: paragraphs, lists and `code`, which is all of Markdown that our descriptions use.

use maud::{Markup, html};

/// The paragraphs and lists of a description.
pub(super) fn blocks(text: &str) -> Markup {
    html! {
        @for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            @if block.lines().all(|line| line.trim_start().starts_with("- ")) {
                ul.prose { @for line in block.lines() { li { (inline(line.trim_start_matches([' ', '-']))) } } }
            } @else {
                p { (inline(block)) }
            }
        }
    }
}

/// Text in which every second part between backticks is code.
pub(super) fn inline(text: &str) -> Markup {
    html! {
        @for (nth, part) in text.split('`').enumerate() {
            @if nth % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
