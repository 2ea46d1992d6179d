using System.CommandLine;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Adcp.Aot.Cli.Tests.Docs;

/// <summary>Finds the bounds in the assemblies that are shipped.</summary>
internal static partial class Shipped
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Type[] Types =
    [
        .. Directory.GetFiles(AppContext.BaseDirectory, "Adcp.Aot*.dll").Select(Path.GetFileNameWithoutExtension)
            .Where(static name => !name!.EndsWith(".Tests", StringComparison.Ordinal)).Append("adcp-webhooks")
            .SelectMany(static name => Assembly.Load(name!).GetTypes())
            .Where(static type => !type.Name.Contains('<', StringComparison.Ordinal)),
    ];

    /// <summary>
    /// Gets the options that a user can set: numbers and times of public option types, and optional ones of public constructors.
    /// </summary>
    public static IEnumerable<string> Options =>
    [
        .. Types.Where(static type => type.IsVisible && OptionType().IsMatch(type.Name))
            .SelectMany(static type => type.GetProperties(Declared))
            .Where(static property => property.SetMethod is { IsPublic: true } && IsBound(property.PropertyType))
            .Select(static property => $"{NameOf(property.DeclaringType!)}.{property.Name}"),
        .. Types.Where(static type => type.IsVisible)
            .SelectMany(static type => type.GetConstructors())
            .SelectMany(static constructor => constructor.GetParameters())
            .Where(static parameter => parameter.HasDefaultValue && IsBound(parameter.ParameterType) && char.IsLower(parameter.Name![0]))
            .Select(static parameter => $"{NameOf(parameter.Member.DeclaringType!)}({parameter.Name})"),
    ];

    /// <summary>Gets the constants whose names say that they are bounds, whatever their visibility.</summary>
    public static IEnumerable<string> Constants => Types
        .SelectMany(static type => type.GetFields(Declared))
        .Where(static member => member.IsStatic && (member.IsLiteral || member.IsInitOnly))
        .Where(static member => IsBound(member.FieldType) && BoundName().IsMatch(member.Name) && char.IsLetter(member.Name[0]))
        .Select(static member => $"{NameOf(member.DeclaringType!)}.{member.Name}");

    /// <summary>Returns the value of a member, as <see cref="Limit.Option"/> names it.</summary>
    public static object? ValueOf(string option)
    {
        if (CommandOption().Match(option) is { Success: true } command)
        {
            return ValueOfCommand(command.Groups[1].Value, command.Groups[2].Value);
        }

        Match member = Member().Match(option);
        object?[] values =
        [
            .. Types.Where(type => NameOf(type) == member.Groups[1].Value)

                // A file that is linked into several projects is one type for readers.
                .DistinctBy(static type => type.FullName)
                .SelectMany(type => member.Groups[2].Success
                    ? ValuesOf(type, member.Groups[2].Value)
                    : ParametersOf(type, member.Groups[3].Value)),
        ];
        Assert.True(values.Length == 1, $"{values.Length} members are called '{option}'.");
        return values[0];
    }

    /// <summary>Returns whether there is a visible type of this name, with this member if one is named.</summary>
    public static bool Has(string type, string? member) => Types.Any(known =>
        known.IsVisible && NameOf(known) == type && (member is null || known.GetMember(member).Length > 0));

    private static string NameOf(Type type) => type.Name.Split('`')[0];

    private static bool IsBound(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is var plain
        && (plain == typeof(int) || plain == typeof(long) || plain == typeof(TimeSpan));

    private static IEnumerable<object?> ValuesOf(Type type, string name)
    {
        Type closed = type.IsGenericTypeDefinition
            ? type.MakeGenericType([.. type.GetGenericArguments().Select(static _ => typeof(object))])
            : type;
        foreach (FieldInfo field in closed.GetFields(Declared).Where(field => field.Name == name))
        {
            yield return field.IsLiteral ? field.GetRawConstantValue() : field.GetValue(null);
        }

        foreach (PropertyInfo property in closed.GetProperties(Declared).Where(property => property.Name == name))
        {
            // A required member has no default, which the tables write as a dash.
            yield return property.IsDefined(typeof(RequiredMemberAttribute))
                ? "-"
                : property.GetValue(property.GetMethod!.IsStatic ? null : New(type));
        }
    }

    /// <summary>Creates an object by its shortest constructor, with the default value of each argument.</summary>
    private static object New(Type type)
    {
        ConstructorInfo shortest = type.GetConstructors().MinBy(static constructor => constructor.GetParameters().Length)!;
        return shortest.Invoke(
        [
            .. shortest.GetParameters().Select(static parameter => parameter.ParameterType)
                .Select(static type => type.IsValueType ? Activator.CreateInstance(type) : null),
        ]);
    }

    private static IEnumerable<object?> ParametersOf(Type type, string name) => type.GetConstructors()
        .SelectMany(static constructor => constructor.GetParameters())
        .Where(parameter => parameter.Name == name && parameter.HasDefaultValue)
        .Select(static parameter => parameter.DefaultValue)
        .Distinct();

    private static object? ValueOfCommand(string command, string name)
    {
        Type type = Types.Single(type => type.Name.Equals(command + "Command", StringComparison.OrdinalIgnoreCase));
        Command created = (Command)type.GetMethod("Create", Declared)!.Invoke(null, null)!;
        return created.Options.Single(option => option.Name == name).GetDefaultValue();
    }

    [GeneratedRegex("(Options|Policy|Quotas|Limits|Query)$|^DeliveryLogColumnAttribute$")]
    private static partial Regex OptionType();

    [GeneratedRegex(
        "^(Max|Most|Longest|Largest)|Timeout|Patience|Limit|Capacity|Lease|Cooldown|Grace|Lifetime|Horizon|Seconds$|Milliseconds$")]
    private static partial Regex BoundName();

    [GeneratedRegex(@"^([a-z]+) (--[a-z-]+)$")]
    private static partial Regex CommandOption();

    [GeneratedRegex(@"^(\w+)(?:\.(\w+)|\((\w+)\))$")]
    private static partial Regex Member();
}
