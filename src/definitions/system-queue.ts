/** Where crons and flows live: their turns take no time, so every worker serves it, whatever else it serves. */
export const SYSTEM_QUEUE = 'carillon';
