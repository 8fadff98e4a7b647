//! A small checker of markup, for tests: tags nest and close, attributes are quoted, anchors lead somewhere.

/// Elements without an end.
const VOID: [&str; 6] = ["meta", "link", "br", "hr", "img", "input"];

/// What is wrong first, with the text around it.
pub(super) fn check(page: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let (mut ids, mut links) = (Vec::new(), Vec::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        text(&rest[..at])?;
        rest = &rest[at..];
        let end = end_of_tag(rest).ok_or_else(|| near("a tag that does not end", rest))?;
        let tag = &rest[1..end];
        let whole = rest;
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => continue,
                last => return Err(near(&format!("</{name}> closes {last:?}"), whole)),
            }
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(near("a tag without a name", whole));
        }
        for (key, value) in attributes_of(attributes).map_err(|e| near(&e, whole))? {
            match key {
                "id" => ids.push(value),
                "href" => links.push(value),
                key if key.starts_with("on") => return Err(near("an event handler", whole)),
                _ => {}
            }
        }
        if closed || VOID.contains(&name) {
            continue;
        }
        if name == "script" || name == "style" {
            let stop = rest.find(&format!("</{name}>")).ok_or_else(|| near("no end of", whole))?;
            rest = &rest[stop..];
        }
        open.push(name);
    }
    text(rest)?;
    if !open.is_empty() {
        return Err(format!("never closed: {open:?}"));
    }
    for (i, id) in ids.iter().enumerate() {
        if ids[..i].contains(id) {
            return Err(format!("the id {id} twice"));
        }
    }
    match links.iter().find(|link| !link.strip_prefix('#').is_some_and(|to| ids.contains(&to))) {
        Some(link) => Err(format!("a link that leads nowhere, or away: {link}")),
        None => Ok(()),
    }
}

/// Where the tag at the start ends: the first `>` outside quotes.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(at)
    })
}

/// ` key="value" flag …`
fn attributes_of(mut text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Ok(found);
        }
        let end = text.find(['=', ' ', '\n']).unwrap_or(text.len());
        let (key, after) = text.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            found.push((key, ""));
            text = after;
            continue;
        };
        let value = value.strip_prefix('"').ok_or_else(|| format!("{key} is not quoted"))?;
        let (value, after) = value.split_once('"').ok_or_else(|| format!("{key} does not end"))?;
        if value.contains('<') {
            return Err(format!("{key} holds markup"));
        }
        found.push((key, value));
        text = after;
    }
}

/// Between tags: no stray `>`, and every `&` begins a reference.
fn text(text: &str) -> Result<(), String> {
    if let Some(at) = text.find('>') {
        return Err(near("a stray >", &text[at..]));
    }
    for (at, _) in text.match_indices('&') {
        let name = text[at + 1..].split(';').next().unwrap_or_default();
        let legal = ["amp", "lt", "gt", "quot", "#39", "#13"].contains(&name);
        if !legal {
            return Err(near("a bare &", &text[at..]));
        }
    }
    Ok(())
}

fn near(what: &str, text: &str) -> String {
    format!("{what}: {}", text.chars().take(80).collect::<String>())
}

#[test]
fn the_checker_sees_what_is_wrong() {
    assert_eq!(check("<!doctype html><p id=\"a\">1 &lt; 2<br><a href=\"#a\">x</a></p>"), Ok(()));
    assert_eq!(check("<svg><rect x=\"1\"/></svg><script>a < b && c</script>"), Ok(()));
    for bad in [
        "<p>",
        "<p></b>",
        "<b><i></b></i>",
        "<p class=a></p>",
        "<p title=\"<b>\"></p>",
        "a & b",
        "a > b",
        "<p onclick=\"x\"></p>",
        "<a href=\"https://example.org\"></a>",
        "<a href=\"#b\"></a>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<script>",
        "<p",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
}
