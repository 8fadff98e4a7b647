//! A table for those who have none: numbers, categories, dates, gaps and a few outliers, and a target that follows some of
//! them.

use prompt_core::{Result, Seed};
use prompt_data::table::{LoadedTable, TableOptions};

use super::config::{Data, TargetKind};

/// What a generated table is called where a file's name would stand.
pub(super) const NAME: &str = "generated.csv";

/// The price of flats, or whether one is dear; a third of the columns say nothing.
pub(super) fn table(data: &Data, options: &TableOptions, seed: Seed) -> Result<LoadedTable> {
    let mut rng = seed.derive("generated table", 0).rng();
    let mut csv = format!("area,rooms,age,town,heating,sold,noise,code,{}\n", data.target);
    for _ in 0..data.rows {
        let area = 25.0 + 120.0 * rng.unit() * rng.unit();
        let rooms = 1 + (area / 30.0) as usize + rng.below(2);
        let age = rng.below(90);
        let town = rng.below(6);
        let heating = ["gas", "oil", "heat pump"][rng.below(3)];
        let day = 1 + rng.below(28);
        let worth = 20.0 + 2.8 * area - 0.5 * age as f64 + [60.0, 45.0, 30.0, 20.0, 5.0, 0.0][town];
        let worth = worth + if heating == "heat pump" { 25.0 } else { 0.0 } + 12.0 * rng.normal();
        let price = match data.target_kind {
            Some(TargetKind::Regression) => format!("{worth:.1}"),
            _ => ["usual", "dear"][usize::from(worth > 240.0)].to_owned(),
        };
        let shown_area = match rng.unit() {
            u if u < 0.06 => String::new(),
            u if u < 0.065 => format!("{:.0}", area * 100.0),
            _ => format!("{area:.1}"),
        };
        let town = if rng.chance(0.03) { String::new() } else { format!("town {}", town + 1) };
        let month = 1 + rng.below(12);
        let (noise, code) = (rng.normal(), rng.below(40));
        csv += &format!(
            "{shown_area},{rooms},{age},{town},{heating},2024-{month:02}-{day:02},{noise:.3},c{code},{price}\n"
        );
    }
    options.from_bytes(NAME, csv.as_bytes())
}
