using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>The locations of an attribute and its arguments in the source.</summary>
internal sealed class AttributeSource(AttributeData attribute, CancellationToken cancellationToken)
{
    private readonly AttributeSyntax? _syntax = attribute.ApplicationSyntaxReference?.GetSyntax(cancellationToken) as AttributeSyntax;

    public Location Whole => _syntax?.GetLocation() ?? Location.None;

    /// <summary>Returns the location of the n-th positional argument.</summary>
    public Location Argument(int position) => _syntax?.ArgumentList?.Arguments
        .Where(static argument => argument.NameEquals is null).Skip(position).FirstOrDefault()?.Expression.GetLocation() ?? Whole;

    /// <summary>
    /// Returns the name in a <c>nameof</c> at the n-th positional argument; it has no value while there is no such
    /// member.
    /// </summary>
    public string? NameOf(int position) =>
        _syntax?.ArgumentList?.Arguments.Where(static argument => argument.NameEquals is null).Skip(position).FirstOrDefault()?.Expression
        is InvocationExpressionSyntax
        {
            Expression: IdentifierNameSyntax { Identifier.ValueText: "nameof" },
            ArgumentList.Arguments: [{ Expression: IdentifierNameSyntax name }]
        }
        ? name.Identifier.ValueText
        : null;

    /// <summary>Returns the location of a named argument's value.</summary>
    public Location Argument(string name) => _syntax?.ArgumentList?.Arguments
        .FirstOrDefault(argument => argument.NameEquals?.Name.Identifier.ValueText == name)?.Expression.GetLocation() ?? Whole;

    /// <summary>Returns a named argument's value; <c>null</c> if it is not given.</summary>
    public T? Named<T>(string name)
    {
        foreach (KeyValuePair<string, TypedConstant> argument in attribute.NamedArguments)
        {
            if (argument.Key == name && argument.Value.Value is T value)
            {
                return value;
            }
        }

        return default;
    }
}
