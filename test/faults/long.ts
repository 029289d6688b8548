/** `npm run test:faults:long`: more rounds, and every variant where `npm test` takes the hardest. */
export const LONG = process.env['FAULTS_LONG'] !== undefined;
