// A local tangent plane of the WGS 84 ellipsoid: metres east and north of an origin. Flat within a
// few millimetres over the kilometres between two moves of the origin.

const DEGREES: f64 = Math.PI / 180.0;
/** WGS 84: equatorial radius in metres, and the square of the first eccentricity. */
const EQUATOR_M: f64 = 6378137.0;
const ECCENTRICITY2: f64 = 6.69437999014e-3;

export class TangentPlane {
  private latDeg: f64 = 0;
  private lonDeg: f64 = 0;
  private eastPerDeg: f64 = 1;
  private northPerDeg: f64 = 1;

  setOrigin(latDeg: f64, lonDeg: f64): void {
    this.latDeg = latDeg;
    this.lonDeg = lonDeg;
    const sinLat = Math.sin(latDeg * DEGREES);
    const w2 = 1.0 - ECCENTRICITY2 * sinLat * sinLat;
    const primeVertical = EQUATOR_M / Math.sqrt(w2);
    const meridian = (primeVertical * (1.0 - ECCENTRICITY2)) / w2;
    this.eastPerDeg = primeVertical * Math.cos(latDeg * DEGREES) * DEGREES;
    this.northPerDeg = meridian * DEGREES;
  }

  east(lonDeg: f64): f64 {
    return wrap(lonDeg - this.lonDeg) * this.eastPerDeg;
  }

  north(latDeg: f64): f64 {
    return (latDeg - this.latDeg) * this.northPerDeg;
  }

  lon(eastM: f64): f64 {
    return wrap(this.lonDeg + eastM / this.eastPerDeg);
  }

  lat(northM: f64): f64 {
    return this.latDeg + northM / this.northPerDeg;
  }
}

/** The same angle in -180 .. 180, so that a drive may cross the date line. */
function wrap(degrees: f64): f64 {
  if (degrees > 180.0) return degrees - 360.0;
  return degrees < -180.0 ? degrees + 360.0 : degrees;
}
