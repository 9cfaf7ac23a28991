//! What the bare loops are made of, each piece alone.

use std::hint::black_box;

use consilium_schemes::curve::{G1, G2, Scalar};

use super::fixed_base::{FixedG1, FixedG2};
use super::power::power;
use super::raw::{
    Lines, affine_g1, affine_g2, g1, g2, miller_loop, multiply_g1, multiply_g2, reduce,
};
use super::setting::random;
use crate::failure::Failure;
use crate::report::Table;
use crate::statistics::{done, medians, milliseconds};

/// Each of them, by turns.
pub fn measure(repeats: usize) -> Result<Table, Failure> {
    eprintln!("schemes: pieces");
    let scalar = Scalar::random(&mut random("piece"));
    let exponent = reduce(&scalar.to_bytes());
    let [p] = affine_g1([multiply_g1(&g1(), &exponent)]);
    let q = affine_g2(&multiply_g2(&g2(), &exponent));
    let (lines, mut scratch) = (Lines::of(&q), Lines::of(&q));
    let of = |pairs: usize| miller_loop(std::iter::repeat_n((&p, &lines), pairs));
    let f = of(1);
    let in_gt = f.final_exp();
    let (base_g1, base_g2) = (
        FixedG1::lasting(&G1::generator()),
        FixedG2::lasting(&G2::generator()),
    );
    let times = medians(
        repeats,
        [
            &mut || {
                scratch.set(black_box(&q));
                Ok(())
            },
            &mut || done(of(1)),
            &mut || done(of(3)),
            &mut || done(of(17)),
            &mut || done(black_box(&f).final_exp()),
            &mut || done(black_box(&in_gt).in_group()),
            &mut || done(power(black_box(&in_gt), &exponent)),
            &mut || done(multiply_g1(black_box(&g1()), &exponent)),
            &mut || done(multiply_g2(black_box(&g2()), &exponent)),
            &mut || done(black_box(&base_g1) * scalar),
            &mut || done(black_box(&base_g2) * scalar),
        ],
    )?;
    let names = [
        "the lines of a point of G2",
        "a Miller loop over lines",
        "three that share their squarings",
        "seventeen",
        "a final exponentiation",
        "a test of the order in GT",
        "a power in GT, split in four",
        "a multiplication in G1",
        "in G2",
        "in G1, of a base known ahead",
        "in G2, of a base known ahead",
    ];
    let row = |(name, time): (&str, _)| {
        let microseconds = 1000.0 * milliseconds(time);
        vec![name.to_owned(), format!("{microseconds:.0}")]
    };
    Ok(Table {
        caption: "What the bare loops are made of, in µs (median)".into(),
        head: vec!["", "µs"],
        rows: names.into_iter().zip(times).map(row).collect(),
    })
}
