// `new Date()` without an argument reads the machine's clock behind the back of `Env`; no built-in rule can say so.
const noAmbientClock = {
  create(context) {
    const refuse = (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0) {
        context.report({ node, message: 'Take the time from Env: `new Date()` reads the ambient clock.' });
      }
    };
    return { NewExpression: refuse, CallExpression: refuse };
  },
};

export default { meta: { name: 'house' }, rules: { 'no-ambient-clock': noAmbientClock } };
