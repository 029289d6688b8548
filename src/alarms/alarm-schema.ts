/** The schema of BullMQ's tables for a Carillon schema. */
export function alarmSchema(schema: string): string {
  return `${schema}_bullmq`;
}
