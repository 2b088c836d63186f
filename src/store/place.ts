/** Name of the SQLite file in the folder `state`. */
export const SQLITE_FILE = 'domicile.db';
