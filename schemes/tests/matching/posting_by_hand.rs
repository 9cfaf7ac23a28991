//! A poster who follows no rules, and what is hashed, written out.

use consilium_schemes::curve::{G2, Scalar};
use consilium_schemes::matching::posting::PostingContext;
use consilium_schemes::matching::{ClaimedHospitalKeys, HospitalKeys};

use super::{hospital, rng};
use crate::frozen::{digest_by_hand, fr_by_hand, sized};

/// ctx, a, b, digest.
pub(crate) fn subject(
    context: &PostingContext<'_>,
    keys: &[u8],
    label: &str,
    bare: &[u8],
) -> Vec<u8> {
    [
        &context.federation[..],
        &sized(context.poster),
        &context.subject,
        &sized(context.hospital),
        &context.epoch.to_be_bytes(),
        &context.expires.to_be_bytes(),
        keys,
        &digest_by_hand(label, &[bare]),
    ]
    .concat()
}

/// The encoded keys of the hospital that [`hospital`] makes of seed 1.
fn encoded(keys: &HospitalKeys) -> (Vec<u8>, G2) {
    let (secret, same) = hospital(1);
    assert_eq!(same, *keys);
    let claimed: ClaimedHospitalKeys = secret.prove(&super::CONTEXT, &mut rng(1));
    let bytes = claimed.to_bytes()[5..149].to_vec();
    let b = G2::from_bytes(&bytes[48..]).unwrap();
    (bytes, b)
}

pub(crate) struct Poster {
    subject: Vec<u8>,
    bare: Vec<u8>,
    b: G2,
    t: Vec<Scalar>,
    d: Vec<Scalar>,
}

impl Poster {
    /// For a ciphertext that somebody made.
    pub(crate) fn trapdoor(context: &PostingContext<'_>, keys: &HospitalKeys, bare: &[u8]) -> Self {
        let (encoded, b) = encoded(keys);
        Self {
            subject: subject(context, &encoded, "CONSILIUM-V1-POST-TRAPDOOR-POINTS", bare),
            bare: bare.to_vec(),
            b,
            t: vec![],
            d: vec![],
        }
    }

    /// For T_j = g2^{t_j}, whatever they are.
    pub(crate) fn of_exponents(
        context: &PostingContext<'_>,
        keys: &HospitalKeys,
        t: &[Scalar],
    ) -> Self {
        let (_, b) = encoded(keys);
        let mut rng = rng(21);
        let d: Vec<Scalar> = t.iter().map(|_| Scalar::random(&mut rng)).collect();
        let g2 = G2::generator();
        let mut bare = [&b"CMTD\x01"[..], &(t.len() as u16 - 1).to_be_bytes(), &[0]].concat();
        d.iter().for_each(|d| bare.extend((g2 * *d).to_bytes()));
        let masked = t.iter().zip(&d).map(|(t, d)| g2 * *t + b * *d);
        masked.for_each(|m| bare.extend(m.to_bytes()));
        Self {
            t: t.to_vec(),
            d,
            ..Self::trapdoor(context, keys, &bare)
        }
    }

    /// (R, s) with these exponents, known or guessed.
    fn randomness(&self, d: &[Scalar]) -> Vec<u8> {
        let k = Scalar::from(1234);
        let r = (G2::generator() * k).to_bytes();
        let message = [&self.subject[..], &r].concat();
        let c = Scalar::from_bytes(&fr_by_hand("CONSILIUM-V1-POST-TRAPDOOR", &message)).unwrap();
        let (mut s, mut power) = (k, c);
        for d_j in d {
            s = s + power * *d_j;
            power = power * c;
        }
        [&r[..], &s.to_bytes()].concat()
    }

    fn frame(&self) -> Vec<u8> {
        let mut out = self.bare.clone();
        out[7] = 1;
        out
    }

    /// A posting of this ciphertext with (R, s) made of these exponents, and somebody's proof of rank.
    pub(crate) fn with_randomness(&self, proofs_of: &[u8], d: &[Scalar]) -> Vec<u8> {
        let rank = self.bare.len() + 96 + 32;
        [&self.frame()[..], &self.randomness(d), &proofs_of[rank..]].concat()
    }

    fn v(&self, m: usize) -> Vec<Scalar> {
        let v = |i: u32| {
            let message = [
                &self.subject[..],
                &(m as u32).to_be_bytes(),
                &i.to_be_bytes(),
            ]
            .concat();
            Scalar::from_bytes(&fr_by_hand("CONSILIUM-V1-RANK-V", &message)).unwrap()
        };
        (0..m as u32).map(v).collect()
    }

    /// sum_j t_{i+j} nu_j = v_i by elimination, if the matrix is invertible.
    pub(crate) fn solution(&self, m: usize) -> Option<Vec<Scalar>> {
        let mut rows: Vec<Vec<Scalar>> = self
            .v(m)
            .iter()
            .enumerate()
            .map(|(i, v)| [&self.t[i..i + m], &[*v]].concat())
            .collect();
        for column in 0..m {
            let pivot = (column..m).find(|row| rows[*row][column] != Scalar::ZERO)?;
            rows.swap(column, pivot);
            let inverse = rows[column][column].invert()?;
            let scaled: Vec<Scalar> = rows[column].iter().map(|x| *x * inverse).collect();
            for row in &mut rows {
                let factor = row[column];
                for (x, y) in row.iter_mut().zip(&scaled) {
                    *x = *x - factor * *y;
                }
            }
            rows[column] = scaled;
        }
        Some(rows.iter().map(|row| row[m]).collect())
    }

    /// The whole posting with the witness nu, and the eps that satisfies the first equation.
    pub(crate) fn post(&self, m: usize, nu: &[Scalar]) -> Vec<u8> {
        let convolve = |x: &[Scalar], y: &[Scalar], i: usize| {
            (0..m).fold(Scalar::ZERO, |sum, j| sum + x[i + j] * y[j])
        };
        let eps: Vec<Scalar> = (0..m).map(|i| convolve(&self.d, nu, i)).collect();
        let mut rng = rng(22);
        let mut draw = || -> Vec<Scalar> { (0..m).map(|_| Scalar::random(&mut rng)).collect() };
        let (k_nu, k_eps) = (draw(), draw());
        let g2 = G2::generator();
        let shift = |i: usize| convolve(&self.d, &k_nu, i) - k_eps[i];
        let of_d = (0..m).map(|i| g2 * shift(i));
        let of_m = (0..m).map(|i| g2 * convolve(&self.t, &k_nu, i) + self.b * shift(i));
        let mut message = [&self.subject[..], &(m as u32).to_be_bytes()].concat();
        of_d.chain(of_m).for_each(|p| message.extend(p.to_bytes()));
        let c = Scalar::from_bytes(&fr_by_hand("CONSILIUM-V1-RANK", &message)).unwrap();
        let mut out = [&self.frame()[..], &self.randomness(&self.d)].concat();
        out.extend((m as u16).to_be_bytes());
        out.extend(c.to_bytes());
        let secrets = nu.iter().chain(&eps).zip(k_nu.iter().chain(&k_eps));
        secrets.for_each(|(secret, k)| out.extend((*k + c * *secret).to_bytes()));
        out
    }
}
