namespace Adcp.Aot.Testing;

/// <summary>A rule of a contract.</summary>
/// <typeparam name="TContract">The contract.</typeparam>
/// <param name="Name">The rule as a sentence.</param>
/// <param name="CheckAsync">Checks it.</param>
internal sealed record Rule<TContract>(string Name, Func<TContract, CancellationToken, Task> CheckAsync);

/// <summary>The rules of a contract, by name.</summary>
/// <typeparam name="TContract">The contract.</typeparam>
/// <param name="subject">The name of the interface that the contract is about.</param>
/// <param name="rules">The rules.</param>
internal sealed class RuleTable<TContract>(string subject, params Rule<TContract>[] rules)
{
    /// <summary>Gets the names of the rules.</summary>
    internal IReadOnlyList<string> Names { get; } = Array.AsReadOnly(Array.ConvertAll(rules, static rule => rule.Name));

    /// <summary>
    /// Checks one rule, and names it if it is broken. Other exceptions pass as they are: those of a store, and those by which a test
    /// framework skips a test.
    /// </summary>
    /// <param name="contract">The contract.</param>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ArgumentException">There is no such rule.</exception>
    /// <exception cref="ContractException">The rule is broken.</exception>
    internal async Task CheckAsync(TContract contract, string rule, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rule);
        Rule<TContract> found = Array.Find(rules, each => each.Name == rule)
            ?? throw new ArgumentException($"{subject} has no rule '{rule}'. Take the names from Rules.", nameof(rule));
        try
        {
            await found.CheckAsync(contract, cancellationToken).ConfigureAwait(false);
        }
        catch (UnmetException unmet)
        {
            throw new ContractException($"{subject} breaks the rule '{rule}'. {unmet.Message}", unmet);
        }
    }
}
