//! How people type, whatever they want: every class gets the same share of each habit.

use prompt_core::Rng;

use super::filter::capital;

/// Joins the parts and now and then leaves out capitals or the last full stop, slips on a key, or adds an emoji.
pub(super) fn write(open: &str, body: &str, close: &str, emoji: &str, rng: &mut Rng) -> String {
    let mut text = if rng.chance(0.8) { capital(body) } else { body.to_owned() };
    if !open.is_empty() {
        text.insert(0, ' ');
        text.insert_str(0, open);
    }
    if !close.is_empty() {
        text.push(if rng.chance(0.8) { ' ' } else { '\n' });
        text.push_str(close);
    }
    if rng.chance(0.12) {
        text = text.to_lowercase();
    } else if rng.chance(0.01) {
        text = text.to_uppercase();
    }
    if rng.chance(0.15) {
        text.truncate(text.trim_end_matches(['.', '?', '!']).len());
    }
    if rng.chance(0.08) {
        text = with_slip(&text, rng);
    }
    if rng.chance(0.03) {
        text.push(' ');
        text.push_str(emoji);
    }
    text
}

/// The text with two neighbouring letters swapped inside one of its words; short words stay.
fn with_slip(text: &str, rng: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let inside: Vec<usize> = chars
        .windows(4)
        .enumerate()
        .filter(|(_, w)| w.iter().all(|c| c.is_alphabetic()))
        .map(|(start, _)| start + 1)
        .collect();
    if let Some(&at) = rng.choose(&inside) {
        chars.swap(at, at + 1);
    }
    chars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prompt_core::Seed;

    #[test]
    fn each_habit_shows_at_its_rate() {
        let mut rng = Seed::new(11).rng();
        let texts: Vec<String> =
            (0..4000).map(|_| write("Hi!", "how is LIMA?", "", "🙂", &mut rng)).collect();
        let count = |test: fn(&str) -> bool| texts.iter().filter(|t| test(t)).count();
        assert!((2650..3000).contains(&count(|t| t.contains("Hi! How") || t.contains("HI! HOW"))));
        assert!((420..540).contains(&count(|t| t.starts_with("hi!"))));
        assert!((80..160).contains(&count(|t| t.ends_with('🙂'))));
        assert!((520..680).contains(&count(|t| !t.contains('?'))));
    }

    #[test]
    fn a_slip_swaps_two_letters_inside_a_word() {
        let mut rng = Seed::new(1).rng();
        assert_eq!(with_slip("an ox", &mut rng), "an ox");
        for _ in 0..20 {
            assert!(with_slip("word", &mut rng) == "wrod");
        }
    }
}
