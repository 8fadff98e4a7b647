//! A page that needs nothing but itself.

use crate::plot::escape;

/// A page with a text as it is and pictures below it: no script, no network, readable in light and dark and on paper.
pub(super) fn html(title: &str, text: &str, pictures: &[&str]) -> String {
    let (title, text) = (escape(title), escape(text));
    let pictures: String = pictures.iter().map(|svg| format!("<figure>{svg}</figure>\n")).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n\
         :root{{color-scheme:light dark}}\n\
         body{{font-family:system-ui,sans-serif;max-width:1160px;margin:24px auto;padding:0 16px;background:#f6f8fa;color:#1f2328}}\n\
         pre{{overflow-x:auto;padding:16px;border:1px solid #d1d9e0;border-radius:8px;background:#fff}}\n\
         main{{display:flex;flex-wrap:wrap;gap:16px}}\n\
         figure{{margin:0;max-width:100%;break-inside:avoid}}\n\
         @media (prefers-color-scheme:dark){{body{{background:#010409;color:#e6edf3}}pre{{background:#0d1117;border-color:#3d444d}}}}\n\
         </style>\n</head>\n<body>\n<h1>{title}</h1>\n<pre>{text}</pre>\n<main>\n{pictures}</main>\n</body>\n</html>\n"
    )
}
