//! Which files can be sent before anybody has one? A small invoice and a picture of our own.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

/// Where the samples are served, each under its name.
pub const SAMPLE_PATH: &str = "/media/sample";

/// A file that comes with the program.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name, the last part of its address.
    pub name: &'static str,
    /// Its media type.
    pub mimetype: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

static SAMPLES: LazyLock<[Sample; 2]> = LazyLock::new(|| {
    [
        Sample {
            name: "invoice.pdf",
            mimetype: "application/pdf",
            bytes: Bytes::from(invoice_pdf()),
        },
        Sample {
            name: "release.png",
            mimetype: "image/png",
            bytes: Bytes::from_static(include_bytes!("assets/release.png")),
        },
    ]
});

/// All samples: `invoice.pdf` and `release.png`.
pub fn samples() -> &'static [Sample] {
    &*SAMPLES
}

/// The sample of this name.
pub fn sample(name: &str) -> Option<&'static Sample> {
    samples().iter().find(|sample| sample.name == name)
}

/// `GET` and `HEAD` of `/media/sample/{name}`; anything else there is 404.
pub fn sample_routes() -> Router {
    Router::new().route(&format!("{SAMPLE_PATH}/{{name}}"), get(serve))
}

async fn serve(Path(name): Path<String>) -> Response {
    let Some(sample) = sample(&name) else {
        return (StatusCode::NOT_FOUND, "There is no such sample.\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, sample.mimetype.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{}\"", sample.name)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "public, max-age=3600".to_owned()),
    ];
    (headers, sample.bytes.clone()).into_response()
}

/// One line of the invoice: left, top (from the page's upper edge, in points), size, bold, text.
type Line = (f32, f32, f32, bool, &'static str);

const INVOICE: &[Line] = &[
    (56.0, 90.0, 26.0, true, "Invoice"),
    (56.0, 112.0, 11.0, false, "KS-2026-0117"),
    (360.0, 84.0, 11.0, true, "Kopi Senja"),
    (360.0, 99.0, 11.0, false, "Bandung"),
    (360.0, 114.0, 11.0, false, "A sample: no tax document"),
    (56.0, 170.0, 10.0, false, "Bill to"),
    (56.0, 186.0, 12.0, true, "Dewi Lestari"),
    (360.0, 170.0, 10.0, false, "Paid on"),
    (360.0, 186.0, 12.0, true, "2 March 2026"),
    (62.0, 240.0, 10.0, true, "Description"),
    (360.0, 240.0, 10.0, true, "Quantity"),
    (450.0, 240.0, 10.0, true, "Amount"),
    (62.0, 268.0, 11.0, false, "Coffee subscription, March"),
    (360.0, 268.0, 11.0, false, "1"),
    (450.0, 268.0, 11.0, false, "Rp 150.000"),
    (62.0, 292.0, 11.0, false, "Delivery"),
    (360.0, 292.0, 11.0, false, "1"),
    (450.0, 292.0, 11.0, false, "Rp 36.332"),
    (360.0, 330.0, 12.0, true, "Total"),
    (450.0, 330.0, 12.0, true, "Rp 186.332"),
    (56.0, 380.0, 11.0, false, "Thank you! This page was made by kabari, to be sent in its demo."),
];

/// A page of A4 in the fonts that every viewer has, so that it opens anywhere and stays small.
fn invoice_pdf() -> Vec<u8> {
    const WIDTH: f32 = 595.0;
    const HEIGHT: f32 = 842.0;
    let [catalog, tree, page, regular, bold, content, info] = [1, 2, 3, 4, 5, 6, 7].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info).title(TextStr("Invoice KS-2026-0117")).creator(TextStr("kabari"));
    pdf.pages(tree).kids([page]).count(1);
    let mut sheet = pdf.page(page);
    sheet.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content);
    let mut resources = sheet.resources();
    resources.fonts().pair(Name(b"R"), regular).pair(Name(b"B"), bold);
    resources.finish();
    sheet.finish();
    pdf.type1_font(regular).base_font(Name(b"Helvetica"));
    pdf.type1_font(bold).base_font(Name(b"Helvetica-Bold"));
    let mut ink = Content::new();
    ink.set_fill_rgb(0.07, 0.55, 0.49).rect(0.0, HEIGHT - 28.0, WIDTH, 28.0).fill_nonzero();
    ink.set_fill_rgb(0.92, 0.95, 0.95).rect(56.0, HEIGHT - 247.0, 483.0, 22.0).fill_nonzero();
    ink.set_stroke_rgb(0.7, 0.74, 0.76).set_line_width(0.8);
    ink.move_to(56.0, HEIGHT - 308.0).line_to(539.0, HEIGHT - 308.0).stroke();
    ink.set_fill_rgb(0.1, 0.12, 0.14);
    for (left, top, size, is_bold, text) in INVOICE {
        let font = if *is_bold { Name(b"B") } else { Name(b"R") };
        ink.begin_text().set_font(font, *size).next_line(*left, HEIGHT - top);
        ink.show(Str(text.as_bytes())).end_text();
    }
    pdf.stream(content, &ink.finish());
    pdf.finish()
}

#[cfg(test)]
mod tests {
    use super::{sample, samples};

    #[test]
    fn each_sample_is_what_its_type_says_and_small() {
        for sample in samples() {
            let kind = infer::get(&sample.bytes).map(|kind| kind.mime_type());
            assert_eq!(kind, Some(sample.mimetype), "{}", sample.name);
            assert!(sample.bytes.len() < 64 * 1024, "{}: {}", sample.name, sample.bytes.len());
        }
    }

    #[test]
    fn the_invoice_ends_as_a_pdf_does_and_names_its_total() {
        let invoice = &sample("invoice.pdf").unwrap().bytes;
        assert!(invoice.trim_ascii_end().ends_with(b"%%EOF"));
        assert!(invoice.windows(10).any(|window| window == b"Rp 186.332"));
    }
}
